package identity

import (
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Message says what protects a daemon, for its status; insecure, that others than its
// machine can reach it in plaintext.
func (i *Identity) Message(insecure bool) *wirepb.Security {
	if i == nil {
		return &wirepb.Security{Insecure: insecure}
	}
	out := &wirepb.Security{Tls: true, Identity: i.Name().String(), Rejected: i.Rejected()}
	for _, e := range i.Expiries() {
		out.Expiries = append(out.Expiries, &wirepb.CertificateExpiry{
			File: e.File, AtUnixMs: uint64(e.At.UnixMilli()), LeftSeconds: int64(e.Left / time.Second),
		})
	}
	return out
}
