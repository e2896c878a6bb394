package coordinator

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// operator implements wirepb.OperatorServiceServer: it shows what is in doubt, and
// brings what a person asks for to the machine (C10).
type operator struct {
	wirepb.UnimplementedOperatorServiceServer
	coordinator *Coordinator
}

// ListInDoubt lists what is in doubt, as coordinator and shards say.
func (o *operator) ListInDoubt(ctx context.Context, in *wirepb.ListInDoubtRequest) (*wirepb.ListInDoubtResponse, error) {
	leading, err := o.coordinator.leading()
	if err != nil {
		return nil, err
	}
	limit := int(min(in.GetLimit(), listMost))
	if limit == 0 {
		limit = listDefault
	}
	s := leading.survey(ctx)
	blocks, err := s.blocks(protocol.Height(in.GetFromHeight()), limit+1, leading.core.Decision)
	if err != nil {
		return nil, err
	}
	out := &wirepb.ListInDoubtResponse{Unseen: s.unseen(), Epoch: uint64(s.status.Epoch), Height: uint64(s.height())}
	out.Blocks, out.NextHeight = page(blocks, limit)
	oldestFirst(out.Blocks)
	return out, nil
}

// ShowInDoubt gives all the evidence about one block.
func (o *operator) ShowInDoubt(ctx context.Context, in *wirepb.ShowInDoubtRequest) (*wirepb.ShowInDoubtResponse, error) {
	leading, err := o.coordinator.leading()
	if err != nil {
		return nil, err
	}
	height, d, err := leading.locate(in)
	if err != nil {
		return nil, err
	}
	return leading.survey(ctx).show(height, d, leading.core.Decision)
}

// locate finds the height that a request is about, and the decision there, if any.
func (in *incarnation) locate(request *wirepb.ShowInDoubtRequest) (protocol.Height, *protocol.Decision, error) {
	switch by := request.GetBy().(type) {
	case *wirepb.ShowInDoubtRequest_Height:
		height := protocol.Height(by.Height)
		d, _, err := in.core.Decision(height)
		if err != nil {
			return 0, nil, status.Errorf(codes.DataLoss, "read the decision of height %d: %v", height, err)
		}
		return height, d, nil
	case *wirepb.ShowInDoubtRequest_Key:
		for _, b := range in.core.Status().InFlight {
			if b.Key == by.Key {
				return b.Height, nil, nil
			}
		}
		d, ok, _, err := in.core.Find(by.Key)
		switch {
		case err != nil:
			return 0, nil, status.Errorf(codes.DataLoss, "look the block key up: %v", err)
		case !ok:
			return 0, nil, status.Errorf(codes.NotFound, "no block with key %q is under way or committed: it was withdrawn, or never submitted", by.Key)
		}
		return d.Height(), d, nil
	}
	return 0, nil, status.Error(codes.InvalidArgument, "give the key or the height of a block")
}

// ResolveInDoubt has a block settled.
func (o *operator) ResolveInDoubt(ctx context.Context, in *wirepb.ResolveInDoubtRequest) (*wirepb.ResolveInDoubtResponse, error) {
	leading, err := o.coordinator.leading()
	if err != nil {
		return nil, err
	}
	ev, err := resolution(in)
	if err != nil {
		return nil, err
	}
	ev.By = identity.Signed(ctx, ev.By, protocol.MaxResolveBy)
	d, _, _, err := leading.core.Find(ev.Key)
	if err != nil {
		return nil, status.Errorf(codes.DataLoss, "look the block key up: %v", err)
	}
	now := leading.core.Status()
	switch {
	case now.Ended != "" && now.Fenced:
		return nil, o.coordinator.redirect()
	case now.Ended != "":
		return nil, status.Errorf(codes.FailedPrecondition, "nothing was done: this coordinator decides nothing more (%s)", now.Ended)
	case d != nil && ev.Action == protocol.ResolveResync && d.Height() < now.LowestNeeded:
		return &wirepb.ResolveInDoubtResponse{Result: wirepb.ResolveResult_RESOLVE_RESULT_COMMITTED, Decision: wire.Block(d, false)}, nil
	case d != nil:
		ev.Height, ev.Decided = d.Height(), d
	}
	return leading.resolve(ctx, ev)
}

// resolution reads a request.
func resolution(in *wirepb.ResolveInDoubtRequest) (protocol.Resolve, error) {
	ev := protocol.Resolve{Key: in.GetKey(), By: in.GetBy(), Comment: in.GetComment(), DryRun: in.GetDryRun()}
	switch in.GetAction() {
	case wirepb.ResolveAction_RESOLVE_ACTION_UNSPECIFIED, wirepb.ResolveAction_RESOLVE_ACTION_RESYNC:
		ev.Action = protocol.ResolveResync
	case wirepb.ResolveAction_RESOLVE_ACTION_RETRY:
		ev.Action = protocol.ResolveRetry
	case wirepb.ResolveAction_RESOLVE_ACTION_ABORT:
		ev.Action = protocol.ResolveWithdraw
	default:
		return ev, status.Errorf(codes.InvalidArgument, "action %d is not known", in.GetAction())
	}
	if a := in.GetAttempt(); a != nil {
		ev.Attempt = protocol.AttemptID{Height: protocol.Height(a.GetHeight()), Epoch: protocol.Epoch(a.GetEpoch()), Attempt: a.GetAttempt()}
	}
	switch {
	case ev.Key == "":
		return ev, status.Error(codes.InvalidArgument, "key: give the key of a block")
	case strings.TrimSpace(ev.By) == "" || !shown(ev.By) || len(ev.By) > protocol.MaxResolveBy:
		return ev, status.Errorf(codes.InvalidArgument, "by: say who asks, in 1 to %d bytes of plain text", protocol.MaxResolveBy)
	case !shown(ev.Comment) || len(ev.Comment) > protocol.MaxResolveComment:
		return ev, status.Errorf(codes.InvalidArgument, "comment: at most %d bytes of plain text in one line", protocol.MaxResolveComment)
	}
	return ev, nil
}

// shown reports whether a text can stand in a line of a log.
func shown(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// resolve brings an operator's wish to the machine, and waits for what it says.
func (in *incarnation) resolve(ctx context.Context, ev protocol.Resolve) (*wirepb.ResolveInDoubtResponse, error) {
	waiter, answers := in.waiters.enter(nil)
	defer in.waiters.leave(waiter)
	ev.Waiter = waiter
	in.post(ev) // if the loop has ended, the waiters are abandoned, or will be at once
	select {
	case a := <-answers:
		return resolveResponse(a)
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

func resolveResponse(a protocol.Answer) (*wirepb.ResolveInDoubtResponse, error) {
	switch a.Verdict {
	case protocol.VerdictResolved:
		return &wirepb.ResolveInDoubtResponse{Result: wirepb.ResolveResult_RESOLVE_RESULT_DONE, Done: wire.Resolved(a.Resolved)}, nil
	case protocol.VerdictCommitted:
		return &wirepb.ResolveInDoubtResponse{Result: wirepb.ResolveResult_RESOLVE_RESULT_COMMITTED, Decision: wire.Block(a.Decision, false)}, nil
	case protocol.VerdictStaysInDoubt:
		return &wirepb.ResolveInDoubtResponse{Result: wirepb.ResolveResult_RESOLVE_RESULT_STAYS_IN_DOUBT, Reason: a.Reason}, nil
	case protocol.VerdictRefused:
		return nil, status.Error(codes.FailedPrecondition, a.Reason)
	}
	return nil, status.Errorf(codes.Unknown, "nobody can tell whether it was done (%s): look at what is in doubt, and at the record of what was done", a.Reason)
}

// ListResolved gives the newest acts of operators.
func (o *operator) ListResolved(_ context.Context, in *wirepb.ListResolvedRequest) (*wirepb.ListResolvedResponse, error) {
	if _, err := o.coordinator.leading(); err != nil {
		return nil, err
	}
	acts := o.coordinator.replica.State().Resolved
	if n := int(min(in.GetLimit(), uint32(len(acts)))); n > 0 {
		acts = acts[len(acts)-n:]
	}
	out := &wirepb.ListResolvedResponse{}
	for _, r := range acts {
		out.Acts = append(out.Acts, wire.Resolved(r))
	}
	return out, nil
}
