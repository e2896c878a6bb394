package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator/client"
)

const (
	// watchEvery is how often status --watch looks again.
	watchEvery = time.Second
	// clearScreen goes to the top left corner and clears from there.
	clearScreen = "\x1b[H\x1b[2J"
)

// statusSettings are the flags of status.
type statusSettings struct {
	coordinator *string
	timeout     *time.Duration
	format      cli.Format
	watch       bool
	here        bool
}

func statusCommand() *cobra.Command {
	var s statusSettings
	cmd := &cobra.Command{
		Use:     "status",
		GroupID: groupUse,
		Short:   "Show the cluster at a glance",
		Long: `Show the cluster at a glance: shards, blocks under way, and if there are several
the coordinators, as the one sees them that leads; any of their addresses will do.

With --here, show what the coordinator at the first address knows by itself, also
while none leads.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withCoordinator(cmd, *s.coordinator, func(c *client.Coordinator) error { return s.run(cmd, c) })
		},
	}
	s.coordinator = addCoordinator(cmd)
	s.timeout = addTimeout(cmd)
	s.format = cli.AddFormat(cmd)
	cmd.Flags().BoolVarP(&s.watch, "watch", "w", false, "look again every second, until interrupted")
	cmd.Flags().BoolVar(&s.here, "here", false, "show what the coordinator at the first address knows, whether it leads or not")
	return cmd
}

func (s statusSettings) run(cmd *cobra.Command, c *client.Coordinator) error {
	if !s.watch {
		cluster, err := s.look(cmd.Context(), c)
		if err != nil {
			return err
		}
		return s.print(cmd.OutOrStdout(), cluster)
	}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		if err := s.refresh(cmd, c); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-cmd.Context().Done():
			return nil
		}
	}
}

func (s statusSettings) look(ctx context.Context, c *client.Coordinator) (report.Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, *s.timeout)
	defer cancel()
	if s.here {
		return lookHere(ctx, c)
	}
	status, err := c.Status(ctx)
	if err != nil {
		return report.Cluster{}, err
	}
	members, err := c.Members(ctx)
	if err != nil {
		return report.Cluster{}, err
	}
	cluster := report.ClusterOf(status)
	cluster.Coordinators = report.CoordinatorsOf(members)
	return cluster, nil
}

// lookHere asks one coordinator, and nobody else.
func lookHere(ctx context.Context, c *client.Coordinator) (report.Cluster, error) {
	status, here, err := c.StatusHere(ctx)
	if err != nil {
		return report.Cluster{}, err
	}
	cluster := report.ClusterOf(status)
	cluster.Here(here.GetSelf(), here.GetLeader())
	return cluster, nil
}

func (s statusSettings) print(w io.Writer, cluster report.Cluster) error {
	if s.format.JSON() {
		return cli.WriteJSON(w, cluster)
	}
	return cluster.WriteTable(w)
}

// refresh looks and prints once. A coordinator that is away is part of what
// there is to see, so it does not end the watch.
func (s statusSettings) refresh(cmd *cobra.Command, c *client.Coordinator) error {
	cluster, err := s.look(cmd.Context(), c)
	if cmd.Context().Err() != nil {
		return nil
	}
	w := cmd.OutOrStdout()
	if err != nil && !cli.IsTerminal(w) {
		cli.Logger(cmd.Context()).Warn("no status", "reason", cli.Sentence(err))
		return nil
	}
	if !s.format.JSON() {
		s.separate(w)
	}
	if err != nil {
		_, err = fmt.Fprintln(w, cli.Sentence(err))
		return err
	}
	return s.print(w, cluster)
}

// separate begins a new table: over the old one on a terminal, else below it.
func (s statusSettings) separate(w io.Writer) {
	now := time.Now().Format(time.TimeOnly)
	if cli.IsTerminal(w) {
		fmt.Fprint(w, clearScreen)
	}
	fmt.Fprintf(w, "%s\n\n", now)
}
