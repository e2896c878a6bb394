package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// changeTimeout bounds a change of the members.
	changeTimeout = 30 * time.Second
	// catchUpEvery is how often add looks how far the new member is.
	catchUpEvery = 250 * time.Millisecond
)

// changeError gives a change that nobody can tell of the exit code for that.
func changeError(err error) error {
	if code := status.Code(err); code == codes.Unknown || code == codes.DeadlineExceeded {
		return cli.Unknown(err)
	}
	return err
}

func addMemberCommand() *cobra.Command {
	var s membersSettings
	cmd := &cobra.Command{
		Use:   "add NAME=ADDRESS",
		Short: "Add an empty coordinator to a cluster",
		Long: `Add an empty coordinator to a cluster. Start it before:
"lockstep coordinator --data DIR --name NAME --listen ADDRESS --join". Its name must
be one that no coordinator of the cluster ever had.

It is a learner first, which gets the log and counts in no majority. When it has
caught up it gets its vote, and the command is done. If the command ends before, for
whatever reason, give it again: it goes on where it was.

With the name of a coordinator that is there, correct its address.`,
		Example: "  lockstep cluster add c4=10.0.0.4:7400",
		Args:    cli.Args("NAME=ADDRESS", false),
	}
	s.add(cmd)
	timeout := cmd.Flags().Duration("timeout", 10*time.Minute, "how long to wait until it has caught up and has its vote")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		members, err := parsePeers(args)
		if err != nil {
			return cli.Usagef("%q is not NAME=ADDRESS", args[0])
		}
		if _, err := client.ParseAddresses(members[0].Address); err != nil {
			return cli.Usage(err)
		}
		return withCoordinator(cmd, *s.coordinator, func(c *client.Coordinator) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), *timeout)
			defer cancel()
			m, err := c.AddMember(ctx, members[0].Name, members[0].Address)
			if err != nil {
				return changeError(err)
			}
			if err := awaitVote(ctx, cmd, c, members[0], m); err != nil {
				return err
			}
			return s.print(ctx, cmd, c)
		})
	}
	return cmd
}

// awaitVote adds a member again until it has caught up and has its vote, and tells
// how far it is. now is how it was found at first.
func awaitVote(ctx context.Context, cmd *cobra.Command, c *client.Coordinator, m replica.Member, now *wirepb.CoordinatorStatus) error {
	w := watcher(cmd)
	defer w.Close()
	tick := time.NewTicker(catchUpEvery)
	defer tick.Stop()
	for !votes(now) {
		why := lag(now)
		w.Retrying(why, catchUpEvery)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return notLevel(now, why)
		}
		switch found, err := c.AddMember(ctx, m.Name, m.Address); status.Code(err) {
		case codes.OK:
			now = found
		case codes.FailedPrecondition:
			return fmt.Errorf("%s is a learner and gets no vote yet: %w", report.Printable(m.Name), err)
		}
	}
	return nil
}

// votes reports whether a member takes part.
func votes(m *wirepb.CoordinatorStatus) bool {
	return m.GetRole() != wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER && m.GetState() == wirepb.CoordinatorState_COORDINATOR_STATE_READY
}

// notLevel is what is said when patience is at its end.
func notLevel(m *wirepb.CoordinatorStatus, why error) error {
	name := report.Printable(m.GetName())
	if m.GetRole() != wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER {
		return cli.Unknownf("%s is a member, but has not caught up: %w; it goes on by itself, look with \"lockstep cluster members\"", name, why)
	}
	return cli.Unknownf("%s has not caught up yet: %w; it goes on as a learner, which counts in no majority: give the command again, and it gets its vote when it is level", name, why)
}

// lag says what keeps a member from taking part.
func lag(m *wirepb.CoordinatorStatus) error {
	if m.GetReason() != "" {
		return fmt.Errorf("%s", m.GetReason())
	}
	if sent := m.GetSentBytes(); sent > 0 {
		return fmt.Errorf("%s is %s behind, %s were sent to it", report.Printable(m.GetName()), entries(m.GetBehind()), report.Bytes(sent))
	}
	return fmt.Errorf("%s is %s behind", report.Printable(m.GetName()), entries(m.GetBehind()))
}

func entries(n uint64) string {
	if n == 1 {
		return "1 entry"
	}
	return report.Count(n) + " entries"
}
