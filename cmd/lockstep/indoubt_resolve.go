package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// settleSettings are the flags of indoubt resolve.
type settleSettings struct {
	indoubtSettings
	isKey               *bool
	abort, retry, dryly bool
	comment             string
}

func indoubtResolveCommand() *cobra.Command {
	var s settleSettings
	cmd := &cobra.Command{
		Use:   "resolve HEIGHT|KEY",
		Short: "Have a block in doubt settled, as far as that is safe",
		Long: `Have a block in doubt settled. Without a flag, shards that have not voted are asked
again, and those that do not know a decision are told: nothing is given up, so this
is always safe.

--retry aborts the attempt that is shown, and those above it, and begins others;
clients wait on. --abort gives an undecided block up: the clients are told aborted,
and may submit it again. What is decided is never taken back: then both are
refused, with exit code 4. Exit code 3: it cannot help now, or nobody can tell
whether it was done; the block stays in doubt, and nothing is lost.

Who asks, when, why and on what evidence is recorded before anything is done: see
"lockstep indoubt audit".`,
		Example: `  lockstep indoubt resolve 812 --dry-run
  lockstep indoubt resolve 812 --abort --comment "shard 2 is being repaired"`,
		Args: cli.Args("HEIGHT or KEY", false),
	}
	s.add(cmd)
	s.isKey = addKey(cmd)
	cmd.Flags().BoolVar(&s.abort, "abort", false, "give the block up, if it is not decided")
	cmd.Flags().BoolVar(&s.retry, "retry", false, "abort the attempt under way, and begin another")
	cmd.Flags().BoolVar(&s.dryly, "dry-run", false, "say what would be done, and do nothing")
	cmd.Flags().StringVar(&s.comment, "comment", "", "`WHY`, for the record")
	cmd.MarkFlagsMutuallyExclusive("abort", "retry")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return s.with(cmd, func(ctx context.Context, c *client.Coordinator) error {
			return s.run(ctx, cmd, c, blockName{args[0], *s.isKey})
		})
	}
	return cmd
}

func (s *settleSettings) run(ctx context.Context, cmd *cobra.Command, c *client.Coordinator, name blockName) error {
	found, err := name.find(ctx, c)
	switch {
	case err != nil:
		return settleError(err)
	case found.GetBlock().GetKey() == "":
		return cli.Unknownf("%s; the attempt was given up already, so there is nothing to resolve", found.GetBlock().GetAdvice())
	}
	answer, err := c.Resolve(ctx, s.request(found.GetBlock()))
	if err != nil {
		return settleError(err)
	}
	settled := settledOf(found.GetBlock(), answer, s.dryly)
	if s.format.JSON() {
		err = cli.WriteJSON(cmd.OutOrStdout(), settled)
	} else if settled.Result != staysInDoubt {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), settled.sentence())
	}
	if settled.Result == staysInDoubt {
		return errors.Join(err, cli.Unknownf("%s", settled.Reason))
	}
	return err
}

// request asks about the block as it was seen: should another one have moved to its
// height, or another attempt begun, that one is left alone.
func (s *settleSettings) request(b *wirepb.InDoubt) *wirepb.ResolveInDoubtRequest {
	request := &wirepb.ResolveInDoubtRequest{
		Key: b.GetKey(), Action: wirepb.ResolveAction_RESOLVE_ACTION_RESYNC, Attempt: b.GetAttempt(),
		By: recovery.Whoever(), Comment: s.comment, DryRun: s.dryly,
	}
	switch {
	case s.abort:
		request.Action = wirepb.ResolveAction_RESOLVE_ACTION_ABORT
	case s.retry:
		request.Action = wirepb.ResolveAction_RESOLVE_ACTION_RETRY
	}
	return request
}

// settleError gives the exit code: what is refused would not be safe, and whatever
// else goes wrong leaves the block in doubt.
func settleError(err error) error {
	switch status.Code(err) {
	case codes.FailedPrecondition, codes.DataLoss:
		return cli.Refused(err)
	case codes.Unavailable:
		return cli.Unknownf("%w; nothing was changed, and what is prepared is kept", err)
	case codes.Unknown, codes.DeadlineExceeded, codes.Canceled:
		return cli.Unknown(err)
	}
	return err
}

// Results of a resolve.
const (
	done         = "done"
	wouldDo      = "would_do"
	committed    = "committed"
	staysInDoubt = "stays_in_doubt"
)

// settledJSON is what came of a resolve, for programs.
type settledJSON struct {
	Result string      `json:"result"` // done, would_do, committed or stays_in_doubt
	Height uint64      `json:"height"`
	Block  string      `json:"block"`
	Act    *report.Act `json:"act,omitempty"` // with done and would_do
	Reason string      `json:"reason,omitempty"`
}

func settledOf(b *wirepb.InDoubt, answer *wirepb.ResolveInDoubtResponse, dryly bool) settledJSON {
	s := settledJSON{Height: b.GetHeight(), Block: b.GetKey(), Reason: answer.GetReason()}
	switch answer.GetResult() {
	case wirepb.ResolveResult_RESOLVE_RESULT_DONE:
		act := report.ActOf(answer.GetDone())
		s.Act, s.Height, s.Result = &act, act.Height, done
		if dryly {
			s.Result = wouldDo
		}
	case wirepb.ResolveResult_RESOLVE_RESULT_COMMITTED:
		s.Result, s.Height = committed, answer.GetDecision().GetHeight()
	default:
		s.Result = staysInDoubt
	}
	return s
}

func (s settledJSON) sentence() string {
	name := fmt.Sprintf("block %s at height %s", report.Printable(s.Block), report.Count(s.Height))
	switch s.Result {
	case done:
		return fmt.Sprintf("%s: done: %s", name, report.Printable(s.Act.What))
	case wouldDo:
		return fmt.Sprintf("%s: would %s; nothing was changed", name, report.Printable(s.Act.What))
	}
	return name + " is committed on every shard: nothing is in doubt"
}
