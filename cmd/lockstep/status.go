package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/live"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator/client"
)

// watchEvery is how often status --watch looks again.
const watchEvery = time.Second

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
while none leads.

With --watch on a terminal, the screen is drawn in place: what the cluster waits
for, how fast it goes, and while nobody answers what was seen last. Ctrl-C ends it.
Elsewhere a table, or a line of JSON, is printed every second.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.watch && !s.format.JSON() && cli.IsTerminal(cmd.OutOrStdout()) {
				return s.show(cmd)
			}
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

// show watches on the terminal that standard output is.
func (s statusSettings) show(cmd *cobra.Command) error {
	c, err := client.NewCoordinator(*s.coordinator)
	if err != nil {
		return cli.Usagef("--coordinator: %w", err)
	}
	terminal := cmd.OutOrStdout()
	return errors.Join(live.Watch(cmd.Context(), live.Options{
		Look:     func(ctx context.Context) (report.Cluster, error) { return s.look(ctx, c) },
		Terminal: terminal,
		Size:     func() (columns, rows int) { return terminalSize(terminal) },
	}), c.Close())
}

// terminalSize is that of the terminal w, or the usual one if it does not tell.
func terminalSize(w io.Writer) (columns, rows int) {
	if f, ok := w.(*os.File); ok {
		if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && rows > 0 {
			return columns, rows
		}
	}
	return 80, 24
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
	if err != nil {
		cli.Logger(cmd.Context()).Warn("no status", "reason", cli.Sentence(err))
		return nil
	}
	w := cmd.OutOrStdout()
	if !s.format.JSON() {
		if _, err := fmt.Fprintf(w, "%s\n\n", time.Now().Format(time.TimeOnly)); err != nil {
			return err
		}
	}
	return s.print(w, cluster)
}
