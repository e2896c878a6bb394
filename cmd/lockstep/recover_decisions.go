package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
	"github.com/lockstep-exec/lockstep/coordinator/client"
)

// decisionsSettings are the flags that say where the decisions are.
type decisionsSettings struct {
	coordinator, directory string
	timeout                time.Duration
}

func addDecisions(cmd *cobra.Command, s *decisionsSettings) {
	f := cmd.Flags()
	addTLS(cmd)
	f.StringVar(&s.coordinator, "coordinator", "", "`ADDRESS` of the running coordinator whose decisions to go by, HOST:PORT")
	f.StringVar(&s.directory, "decisions", "", "data `DIR` of the stopped coordinator whose decisions to go by")
	f.DurationVar(&s.timeout, "timeout", time.Minute, "how long to ask a running coordinator")
	cmd.MarkFlagsMutuallyExclusive("coordinator", "decisions")
}

// given reports whether any decisions were named.
func (s *decisionsSettings) given() bool { return s.coordinator != "" || s.directory != "" }

// with runs do with the decisions, or with nil if none were named.
func (s *decisionsSettings) with(cmd *cobra.Command, do func(context.Context, recovery.Decisions) error) error {
	switch {
	case s.coordinator != "":
		return s.withRunning(cmd, do)
	case s.directory != "":
		return s.withStopped(cmd.Context(), do)
	}
	return do(cmd.Context(), nil)
}

func (s *decisionsSettings) withRunning(cmd *cobra.Command, do func(context.Context, recovery.Decisions) error) error {
	if err := positive("timeout", s.timeout); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), s.timeout)
	defer cancel()
	return withCoordinator(cmd, s.coordinator, func(c *client.Coordinator) error {
		decisions, err := recovery.AskDecisions(ctx, c, s.coordinator)
		if err != nil {
			return err
		}
		return do(ctx, decisions)
	})
}

func (s *decisionsSettings) withStopped(ctx context.Context, do func(context.Context, recovery.Decisions) error) error {
	decisions, err := recovery.OpenDecisions(s.directory)
	if err != nil {
		return offlineError(err)
	}
	return errors.Join(do(ctx, decisions), decisions.Close())
}

// need refuses a command line without decisions.
func (s *decisionsSettings) need() error {
	if !s.given() {
		return cli.Usagef("without decisions there is no evidence: give --coordinator ADDRESS, or --decisions DIR of the stopped coordinator")
	}
	return nil
}
