package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

func recoverResolveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resolve",
		Short: "Commit attempts in doubt of a stopped shard, on the word of the decision log",
		Long: `Settle the attempts in doubt of a stopped shard from the decisions of its
coordinator, for when the shard cannot connect to it. An attempt is committed only
if that very attempt is decided, with the same digest. Nothing is dropped: an
attempt that is not decided may still commit, and one in whose place another was
decided needs no settling.

Without --yes the plan is shown, and nothing is changed. What was done is noted in
audit.log. Exit code 3: some attempts stay in doubt.`,
		Example: "  lockstep recover resolve --data /var/lib/lockstep/shard0 --decisions /var/lib/lockstep/coordinator --yes",
		Args:    cobra.NoArgs,
	}
	r := resolveSettings{}
	data := addData(cmd, "shard")
	r.format = cli.AddFormat(cmd)
	addDecisions(cmd, &r.decisions)
	addCarry(cmd, &r.carry)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return r.run(cmd, *data) }
	return cmd
}

// resolveSettings are the flags of resolve.
type resolveSettings struct {
	decisions decisionsSettings
	carry     carrySettings
	format    cli.Format
}

func (r *resolveSettings) run(cmd *cobra.Command, dir string) error {
	if err := r.decisions.need(); err != nil {
		return err
	}
	return r.decisions.with(cmd, func(ctx context.Context, d recovery.Decisions) error {
		plan, err := recovery.PlanResolve(ctx, dir, d)
		if err != nil {
			return offlineError(err)
		}
		return errors.Join(r.carryOut(cmd, plan), plan.Close())
	})
}

func (r *resolveSettings) carryOut(cmd *cobra.Command, plan *recovery.Resolution) error {
	if r.carry.yes {
		if err := plan.Carry(r.carry.comment); err != nil {
			return offlineError(err)
		}
	}
	var err error
	if r.format.JSON() {
		err = cli.WriteJSON(cmd.OutOrStdout(), plan)
	} else {
		err = writeResolution(cmd.OutOrStdout(), plan, r.carry.yes)
	}
	switch refused := plan.Refused(); {
	case plan.Contradicts():
		return errors.Join(err, cli.Refusedf("the decisions and shard %d contradict each other: each line above says what to do", plan.Shard))
	case refused > 0:
		return errors.Join(err, cli.Unknownf("%s of shard %d in doubt for want of evidence: the lines above say which is missing", stays(refused), plan.Shard))
	}
	return err
}

func stays(n int) string {
	if n == 1 {
		return "1 attempt stays"
	}
	return report.Count(n) + " attempts stay"
}

func writeResolution(w io.Writer, plan *recovery.Resolution, carried bool) error {
	var all []string
	open := 0
	for _, s := range plan.Settlements {
		word := "refused     "
		switch {
		case s.Done:
			word = "committed   "
		case s.Verdict == recovery.Commit:
			word = "would commit"
			open++
		}
		all = append(all, fmt.Sprintf("%s  attempt %s: %s", word, s.Attempt, s.Why))
	}
	for _, m := range plan.Mended {
		all = append(all, "mended        "+m)
	}
	switch {
	case len(plan.Settlements) == 0:
		all = append(all, "nothing is in doubt")
	case open > 0 && !carried:
		all = append(all, "nothing was changed: --yes carries this out")
	}
	return lines(w, all...)
}
