package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bundle"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/diagnose"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// findTimeout bounds the search for the daemons of a cluster: when one is ill,
// nobody wants to wait long for an answer that does not come.
const findTimeout = 5 * time.Second

func debugCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "debug",
		GroupID: groupMend,
		Short:   "Find out what is the matter with a cluster",
		Long:    "Find out what is the matter with a cluster, while its daemons run.",
	}
	cmd.AddCommand(debugBundleCommand())
	return cmd
}

// bundleSettings are the flags of debug bundle.
type bundleSettings struct {
	coordinator *string
	shards, out string
	measure     time.Duration
	format      cli.Format
}

func debugBundleCommand() *cobra.Command {
	var s bundleSettings
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Gather what all daemons tell of themselves into one file",
		Long: `Gather what all daemons of a cluster tell of themselves into one .tar.gz file, to be
looked into or sent to whoever helps: status, readiness, metrics, recent log lines,
settings and where they come from, versions, facts about the machines, profiles of
heap, goroutines, processor and locks.

It has no secrets: nothing of the state, and of the environment only variables such
as GOGC. It does have addresses, block keys and names of files.

The coordinators tell where the shards are. A daemon that does not answer, or does
not tell this machine (see --debug-access of the daemons), is a line in manifest.json
and no failure; neither are parts that cannot be had.`,
		Example: `  lockstep debug bundle --coordinator 127.0.0.1:7400
  lockstep debug bundle --coordinator 10.0.0.1:7400,10.0.0.2:7400 --shard 10.0.0.5:7410 --out trouble.tar.gz`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	s.coordinator = addCoordinator(cmd)
	cmd.Flags().StringVar(&s.shards, "shard", "", "`ADDRESSES` of shards to ask too, HOST:PORT[,...], if no coordinator knows of them")
	cmd.Flags().StringVar(&s.out, "out", "", "`FILE` to write, which must not exist (default lockstep-debug-TIME.tar.gz)")
	cmd.Flags().DurationVar(&s.measure, "measure", 5*time.Second, "how long processor and locks of each daemon are measured")
	s.format = cli.AddFormat(cmd)
	return cmd
}

func (s bundleSettings) run(cmd *cobra.Command) error {
	if s.measure < time.Second || s.measure > diagnose.MaxSeconds*time.Second {
		return cli.Usagef("--measure must be between 1s and %ds, not %s", diagnose.MaxSeconds, s.measure)
	}
	o, err := s.find(cmd)
	if err != nil {
		return err
	}
	out := cmp.Or(s.out, "lockstep-debug-"+time.Now().UTC().Format("20060102T150405Z")+".tar.gz")
	cli.Logger(cmd.Context()).Info("collects", "daemons", len(o.Targets), "to", out)
	m, size, err := writeBundle(cmd.Context(), out, o)
	if err != nil {
		return err
	}
	if s.format.JSON() {
		return cli.WriteJSON(cmd.OutOrStdout(), struct {
			File string `json:"file"`
			bundle.Manifest
		}{out, m})
	}
	return tellBundle(cmd.OutOrStdout(), out, size, m)
}

// writeBundle writes a file that is whole, or none.
func writeBundle(ctx context.Context, out string, o bundle.Options) (m bundle.Manifest, size int64, err error) {
	file, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return m, 0, fmt.Errorf("cannot make the file: %w: give another --out", err)
	}
	m, err = bundle.Collect(ctx, file, o)
	if err == nil {
		size, err = file.Seek(0, io.SeekCurrent)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return m, 0, errors.Join(err, os.Remove(out))
	}
	return m, size, nil
}

// tellBundle says what was had.
func tellBundle(w io.Writer, out string, size int64, m bundle.Manifest) error {
	t := report.NewTable("daemon", "address", ">parts")
	missing := m.Missing
	for _, n := range m.Nodes {
		t.Row(report.Printable(n.Name), report.OrDash(n.Address), fmt.Sprintf("%d of %d", n.Have(), len(n.Parts)))
		if why := n.Why(); why != "" {
			missing = append(missing, n.Name+": "+why)
		}
	}
	if _, err := t.WriteTo(w); err != nil {
		return err
	}
	if len(missing) > 0 {
		fmt.Fprintln(w, "\nMissing:")
	}
	for _, why := range missing {
		fmt.Fprintf(w, "  %s\n", report.Printable(why))
	}
	_, err := fmt.Fprintf(w, "\n%s: %s\n", filepath.Clean(out), report.Bytes(uint64(size)))
	return err
}

// find looks for the daemons of the cluster: those of the flags, and those that
// the coordinators know of.
func (s bundleSettings) find(cmd *cobra.Command) (o bundle.Options, err error) {
	i, err := identityOf(cmd)
	if err != nil {
		return o, err
	}
	given, err := client.ParseAddresses(*s.coordinator)
	if err != nil {
		return o, cli.Usagef("--coordinator: %w", err)
	}
	var shards []string
	if s.shards != "" {
		if shards, err = client.ParseAddresses(s.shards); err != nil {
			return o, cli.Usagef("--shard: %w", err)
		}
	}
	o = bundle.Options{Measure: s.measure, By: build().Complete(), Extra: map[string]any{}}
	found, err := lookForDaemons(cmd.Context(), i, *s.coordinator)
	if err != nil {
		o.Missing = append(o.Missing, "the status of the cluster, and where its shards are: "+cli.Sentence(err)+"; give --shard for those that run")
	} else {
		o.Extra["cluster.json"] = found
	}
	o.Targets = append(coordinatorTargets(i, given, found.Coordinators), shardTargets(i, shards, found.Shards)...)
	return o, nil
}

// lookForDaemons asks the coordinators who is there.
func lookForDaemons(ctx context.Context, i *identity.Identity, addresses string) (report.Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	c, err := client.NewCoordinatorAs(i, addresses)
	if err != nil {
		return report.Cluster{}, err
	}
	status, err := c.Status(ctx)
	return report.ClusterOf(status), errors.Join(err, c.Close())
}

// coordinatorTargets are those known by name, then those given that are not among
// them.
func coordinatorTargets(i *identity.Identity, given []string, known []report.Coordinator) (targets []bundle.Target) {
	seen, secure := map[string]bool{}, i.Expecting(identity.Coordinator, "")
	for _, m := range known {
		seen[m.Address] = true
		targets = append(targets, bundle.Target{Name: "coordinator-" + m.Name, Address: m.Address, Secure: secure})
	}
	for _, address := range given {
		if !seen[address] {
			seen[address] = true
			targets = append(targets, bundle.Target{Name: "coordinator-" + address, Address: address, Secure: secure})
		}
	}
	return targets
}

// shardTargets are those of the status, then those given that are not among them.
func shardTargets(i *identity.Identity, given []string, known []report.Shard) (targets []bundle.Target) {
	seen, secure := map[string]bool{}, i.Expecting(identity.Shard, "")
	for _, s := range known {
		seen[s.Address] = true
		targets = append(targets, bundle.Target{Name: fmt.Sprintf("shard-%d", s.ID), Address: s.Address, Secure: secure})
	}
	for _, address := range given {
		if !seen[address] {
			seen[address] = true
			targets = append(targets, bundle.Target{Name: "shard-" + address, Address: address, Secure: secure})
		}
	}
	return targets
}
