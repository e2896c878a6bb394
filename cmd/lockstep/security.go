package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/serve"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/telemetry"
	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

const tlsFlag = "tls"

// addTLS adds --tls to a client command.
func addTLS(cmd *cobra.Command) {
	cmd.Flags().String(tlsFlag, "", "`DIR` with tls.crt, tls.key and ca.crt, by which this command and the cluster prove who they are; empty for plaintext")
}

// addOwnTLS adds --tls to a command that starts a cluster of its own, for which it makes
// identities on the spot. It may stand alone, or have the value that the same variable
// has for client commands.
func addOwnTLS(cmd *cobra.Command, usage string) {
	cmd.Flags().String(tlsFlag, "", usage)
	cmd.Flags().Lookup(tlsFlag).NoOptDefVal = "on"
}

// ownTLS reports whether such a command was given --tls.
func ownTLS(cmd *cobra.Command) bool { return cmd.Flags().Lookup(tlsFlag).Value.String() != "" }

// identityOf reads the identity that a client command was given; nil for plaintext.
func identityOf(cmd *cobra.Command) (*identity.Identity, error) {
	flag := cmd.Flags().Lookup(tlsFlag)
	if flag == nil || flag.Value.String() == "" {
		return nil, nil
	}
	i, err := identity.Open(flag.Value.String(), identity.Options{Logger: cli.Logger(cmd.Context()).Named("identity")})
	if err != nil {
		return nil, cli.Usage(err)
	}
	return i, nil
}

// securitySettings are the flags by which a daemon is protected.
type securitySettings struct {
	directory  string
	insecure   bool
	openProbes bool
}

func (s *securitySettings) addFlags(f *pflag.FlagSet) {
	f.StringVar(&s.directory, tlsFlag, "", "`DIR` with tls.crt, tls.key and ca.crt, by which this daemon and all others prove who they are; empty for plaintext, on this machine alone")
	f.BoolVar(&s.insecure, "insecure", false, "serve others than this machine in plaintext: everybody who reaches the port can do everything")
	f.BoolVar(&s.openProbes, "http-open-probes", false, "with --tls, answer /livez and /readyz without a certificate too")
}

// check refuses plaintext that others than this machine can reach.
func (s *securitySettings) check(listen, http string) error {
	switch {
	case s.directory != "" && s.insecure:
		return cli.Usagef("--tls and --insecure exclude each other: give one of them")
	case s.directory != "" || s.insecure:
		return nil
	case serve.Exposed(listen):
		return cli.Usagef("--listen %s can be reached by others than this machine, and would let everybody in: give --tls, or --insecure if only those you trust can reach it", listen)
	case http != "" && serve.Exposed(http):
		return cli.Usagef("--http %s can be reached by others than this machine, and would let everybody look: give --tls, or --insecure if only those you trust can reach it", http)
	}
	return nil
}

// open reads the identity of a daemon, nil for plaintext, and says loudly if there is
// none where one is needed.
func (s *securitySettings) open(log hclog.Logger, listen, http string) (security, error) {
	out := security{openProbes: s.openProbes}
	out.Refusals = guard.NewRefusals(log.Named("limits"))
	if s.directory == "" {
		out.Insecure = serve.Exposed(listen) || http != "" && serve.Exposed(http)
		if out.Insecure {
			log.Warn("INSECURE: it serves in plaintext, and everybody who reaches the port can read, change and stop everything: give --tls", "listen", listen, "http", http)
		}
		return out, nil
	}
	i, err := identity.Open(s.directory, identity.Options{Logger: log.Named("identity")})
	if err != nil {
		return out, cli.Usage(err)
	}
	log.Info("speaks TLS alone", "identity", i.Name().String(), "expires", i.Expiries()[0].At)
	out.Identity = i
	// From now on: a renewal may come while the daemon still reads its log.
	out.hangups = make(chan os.Signal, 1)
	signal.Notify(out.hangups, syscall.SIGHUP)
	return out, nil
}

// security is what protects a daemon.
type security struct {
	telemetry.Security
	openProbes bool
	hangups    chan os.Signal // SIGHUP; nil without an identity
}

// watch keeps the identity up to date until ctx ends; SIGHUP has it look at once.
func (s security) watch(ctx context.Context) {
	if s.Identity == nil {
		return
	}
	again := make(chan struct{})
	defer signal.Stop(s.hangups)
	go func() {
		for {
			select {
			case <-s.hangups:
			case <-ctx.Done():
				return
			}
			select {
			case again <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	s.Identity.Watch(ctx, again)
}
