package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
)

// carrySettings are the flags of verbs that can change something.
type carrySettings struct {
	yes     bool
	comment string
}

func addCarry(cmd *cobra.Command, s *carrySettings) {
	cmd.Flags().BoolVar(&s.yes, "yes", false, "carry the plan out; without it nothing is changed")
	cmd.Flags().StringVar(&s.comment, "comment", "", "`TEXT` for the audit log: a ticket, or why")
}

func recoverRepairCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Mend what a crash left and a start would mend, keeping a copy",
		Long: `Mend what a crash left in the data directory of a stopped shard or coordinator: a
torn end of the log that was never acknowledged, a trim that did not finish,
leftovers of a creation. It is what a start does by itself. What may have been
acknowledged is never touched: then the reason is given, and nothing is changed.

Without --yes the plan is shown, and nothing is changed. With it, the files that
are removed or replaced are kept in a folder repair-TIME, and what was done is
noted in audit.log.`,
		Example: "  lockstep recover repair --data /var/lib/lockstep/shard0 --yes",
		Args:    cobra.NoArgs,
	}
	var s carrySettings
	data, format := addData(cmd, "shard or coordinator"), cli.AddFormat(cmd)
	addCarry(cmd, &s)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return s.repair(cmd, *data, format) }
	return cmd
}

func (s *carrySettings) repair(cmd *cobra.Command, dir string, format cli.Format) error {
	progress, done := progressOn(cmd)
	plan, err := recovery.PlanRepair(dir, progress)
	done()
	if err == nil && s.yes {
		err = plan.Carry(s.comment)
	}
	if err != nil {
		return offlineError(err)
	}
	if format.JSON() {
		err = cli.WriteJSON(cmd.OutOrStdout(), plan)
	} else {
		err = writePlan(cmd.OutOrStdout(), plan, s.yes)
	}
	if len(plan.Refused) > 0 {
		err = errors.Join(err, cli.Refusedf("%s has damage that only a copy of what was lost can mend: each line above says what to do", dir))
	}
	return err
}

func writePlan(w io.Writer, plan *recovery.RepairPlan, carried bool) error {
	var all []string
	for _, m := range plan.Mends {
		line := "would mend  " + m.What
		if m.Done {
			line = "mended      " + m.What
		}
		if m.Kept != "" {
			line += fmt.Sprintf(" (kept in %s)", m.Kept)
		}
		all = append(all, line)
	}
	switch {
	case len(plan.Mends) == 0 && len(plan.Refused) == 0:
		all = append(all, "there is nothing to mend")
	case len(plan.Mends) > 0 && !carried:
		all = append(all, "nothing was changed: --yes carries this out")
	}
	for _, f := range plan.Refused {
		all = append(all, "refused     "+cli.Sentence(errors.New(f.String())))
	}
	return lines(w, all...)
}
