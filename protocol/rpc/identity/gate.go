package identity

import (
	"context"
	"slices"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/tap"
)

// Gate is what a server asks about each call: who makes it and whether it may, before
// anything of its message is read. Nil for a nil Identity, which admits all.
func (i *Identity) Gate() tap.ServerInHandle {
	if i == nil {
		return nil
	}
	return i.judge
}

// NameOf is the name that a peer has proven; "" if it has proven none.
func NameOf(info credentials.AuthInfo) string {
	if p, ok := info.(*Peer); ok && p.Err == nil {
		return p.Name.String()
	}
	return ""
}

// judge implements tap.ServerInHandle. It must not block.
func (i *Identity) judge(ctx context.Context, call *tap.Info) (context.Context, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ctx, i.refused(refuse(NoCertificate, "nobody is known to make this call"), "nobody", call.FullMethodName)
	}
	if r := i.mayCall(p.AuthInfo, call.FullMethodName); r != nil {
		return ctx, i.refused(r, p.Addr.String(), call.FullMethodName)
	}
	return ctx, nil
}

// mayCall says why a peer may not call a method; nil if it may.
func (i *Identity) mayCall(info any, method string) *Refusal {
	by, ok := info.(*Peer)
	switch {
	case !ok:
		return refuse(NoCertificate, "the caller shows no certificate: give --tls")
	case by.Err != nil:
		return asRefusal(by.Err)
	case i.now().After(by.until):
		return refuse(Expired, "the certificate of %s has expired: issue a new one", by.Name)
	}
	roles, known := allowed[method]
	switch {
	case !known:
		return refuse(UnknownMethod, "nobody may call %s", method)
	case !slices.Contains(roles, by.Name.Role):
		return refuse(OtherRole, "%s may not call %s: that is for %s", by.Name, method, list(roles))
	}
	return nil
}

// refused counts a refusal and gives it back as the error of the call.
func (i *Identity) refused(r *Refusal, from, what string) error {
	i.refusals.add(r, from, what)
	return r.GRPCStatus().Err()
}

// Claims checks that whoever makes a call is the one of a role that it says it is. All
// is right without TLS, where nothing is proven. The error is one of gRPC.
func Claims(ctx context.Context, role Role, id string) error {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	by, ok := p.AuthInfo.(*Peer)
	if !ok || by.Name.Role == role && by.Name.ID == id {
		return nil
	}
	return by.identity.refused(refuse(OtherPeer, "%s says that it is %s %s: give each its own certificate", by.Name, role, id), p.Addr.String(), "its first message")
}

// Signed is what a caller says of itself behind the identity that it has proven, in at
// most so many bytes; as it stands without TLS.
func Signed(ctx context.Context, says string, most int) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return says
	}
	by, ok := p.AuthInfo.(*Peer)
	if !ok {
		return says
	}
	if signed := by.Name.String() + " (" + says + ")"; len(signed) <= most {
		return signed
	}
	return by.Name.String()
}

// list spells roles for people.
func list(roles []Role) (text string) {
	for n, r := range roles {
		switch {
		case n > 0 && n == len(roles)-1:
			text += " and "
		case n > 0:
			text += ", "
		}
		text += string(r)
	}
	return text
}
