package main

import (
	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/diagnose"
)

// debugSettings say what a daemon tells of itself, and to whom.
type debugSettings struct {
	access *string
	log    diagnose.Ring
}

func (s *debugSettings) addFlags(cmd *cobra.Command) {
	s.access = cli.AddChoice(cmd.Flags(), "debug-access", "", "who gets recent log lines, settings and profiles, which have no secrets: callers on the same machine, whoever reaches the address, or nobody", diagnose.Accesses()...)
}

// keepLog keeps what is logged from now on, to be asked for later.
func (s *debugSettings) keepLog(cmd *cobra.Command) { cli.AlsoLogTo(cmd.Context(), &s.log) }

// service is what tells of the daemon that h serves.
func (s *debugSettings) service(cmd *cobra.Command, h host) *diagnose.Service {
	return diagnose.NewService(diagnose.Access(*s.access), diagnose.Daemon{
		Build: build().Complete(), Settings: cli.Settings(cmd), Directory: cmd.Flag("data").Value.String(),
		Log: &s.log, Ready: h.ready, Metrics: h.endpoints.Metrics, Status: h.endpoints.Status,
	}.Parts())
}
