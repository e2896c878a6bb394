package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator/client"
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
		Long: `Add an empty coordinator to a cluster, and wait until it has caught up. Start it
before: "lockstep coordinator --data DIR --name NAME --listen ADDRESS --join". Its
name must be one that no coordinator of the cluster ever had.

With the name of a coordinator that is there, correct its address.`,
		Example: "  lockstep cluster add c4=10.0.0.4:7400",
		Args:    cli.Args("NAME=ADDRESS", false),
	}
	s.add(cmd)
	timeout := cmd.Flags().Duration("timeout", 10*time.Minute, "how long to wait until it has caught up")
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
			if err := c.AddMember(ctx, members[0].Name, members[0].Address); err != nil {
				return changeError(err)
			}
			if err := awaitLevel(ctx, cmd, c, members[0].Name); err != nil {
				return err
			}
			return s.print(ctx, cmd, c)
		})
	}
	return cmd
}

// awaitLevel waits until a new member has what is committed, and tells how far it
// is.
func awaitLevel(ctx context.Context, cmd *cobra.Command, c *client.Coordinator, name string) error {
	w := watcher(cmd)
	defer w.Close()
	tick := time.NewTicker(catchUpEvery)
	defer tick.Stop()
	for {
		m, err := member(ctx, c, name)
		if err == nil && m.GetState() == wirepb.CoordinatorState_COORDINATOR_STATE_READY {
			return nil
		}
		if err == nil {
			err = lag(m)
		}
		w.Retrying(err, catchUpEvery)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return cli.Unknownf("%s was added, but has not caught up: %w; it goes on by itself, look with \"lockstep cluster members\"", report.Printable(name), err)
		}
	}
}

func member(ctx context.Context, c *client.Coordinator, name string) (*wirepb.CoordinatorStatus, error) {
	all, err := c.Members(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(m *wirepb.CoordinatorStatus) bool { return m.GetName() == name })
	if i < 0 {
		return nil, fmt.Errorf("%s is no member", report.Printable(name))
	}
	return all[i], nil
}

// lag says what keeps a member from taking part.
func lag(m *wirepb.CoordinatorStatus) error {
	if m.GetReason() != "" {
		return fmt.Errorf("%s", m.GetReason())
	}
	return fmt.Errorf("%s is %s behind", report.Printable(m.GetName()), entries(m.GetBehind()))
}

func entries(n uint64) string {
	if n == 1 {
		return "1 entry"
	}
	return report.Count(n) + " entries"
}
