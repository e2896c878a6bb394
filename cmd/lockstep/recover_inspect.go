package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

func isText(b []byte) bool { return utf8.Valid(b) }

// inspectSettings are the flags of recover inspect.
type inspectSettings struct {
	data   string
	format cli.Format
}

func recoverInspectCommand() *cobra.Command {
	var s inspectSettings
	cmd := &cobra.Command{
		Use:     "inspect",
		Short:   "Show what a stopped shard or coordinator would start with",
		Example: "  lockstep recover inspect --data /var/lib/lockstep/shard0",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	cmd.Flags().StringVar(&s.data, "data", "", "data `DIR` of the shard or coordinator")
	s.format = cli.AddFormat(cmd)
	cmd.MarkFlagRequired("data")
	return cmd
}

// inspection is what inspect prints.
type inspection struct {
	Role               string            `json:"role"` // shard or coordinator
	Shard              *uint32           `json:"shard,omitempty"`
	Cluster            string            `json:"cluster"`
	Shards             int               `json:"shards"`
	Directory          string            `json:"directory,omitempty"`
	Epoch              uint64            `json:"epoch"`
	Height             uint64            `json:"height"`
	CheckpointedHeight uint64            `json:"checkpointed_height"`
	StateDigest        string            `json:"state_digest,omitempty"`
	Root               string            `json:"root"`
	InDoubt            []inDoubt         `json:"in_doubt,omitempty"`
	Undecided          []undecided       `json:"undecided,omitempty"`
	Joined             map[uint32]string `json:"joined,omitempty"`
	Log                inspectedLog      `json:"log"`
	FreeBytes          int64             `json:"free_bytes"`
}

type inDoubt struct {
	Height  uint64    `json:"height"`
	Epoch   uint64    `json:"epoch"`
	Attempt uint32    `json:"attempt"`
	Since   time.Time `json:"since"`
	Bytes   int       `json:"bytes"`
}

type undecided struct {
	Height uint64 `json:"height"`
	Block  string `json:"block"`
	Bytes  int    `json:"bytes"`
}

type inspectedLog struct {
	ID      string   `json:"id"`
	First   uint64   `json:"first"`
	Last    uint64   `json:"last"`
	Repairs []string `json:"repairs,omitempty"` // what a start would mend
}

func (s inspectSettings) run(cmd *cobra.Command) error {
	found, err := inspect(s.data)
	if err != nil {
		return refusedOr(err)
	}
	if s.format.JSON() {
		return cli.WriteJSON(cmd.OutOrStdout(), found)
	}
	return found.writeText(cmd.OutOrStdout())
}

// inspect finds out by its files whose directory it is.
func inspect(dir string) (inspection, error) {
	free, err := wal.FreeBytes(dir)
	if err != nil {
		return inspection{}, err
	}
	var found inspection
	if _, err := os.Lstat(filepath.Join(dir, history.FileName)); err == nil {
		found, err = inspectCoordinator(dir)
		found.FreeBytes = free
		return found, err
	}
	found, err = inspectShard(dir)
	found.FreeBytes = free
	return found, err
}

func inspectShard(dir string) (inspection, error) {
	o, err := executor.ReadOffline(dir)
	if err != nil {
		return inspection{}, err
	}
	id := uint32(o.Checkpoint.Shard)
	at := o.Committed()
	found := inspection{
		Role: "shard", Shard: &id, Cluster: o.State.Config.Cluster.String(), Shards: o.State.Config.Shards(),
		Directory: o.Checkpoint.Directory.String(), Epoch: uint64(o.State.Epoch), Height: uint64(at.Height()),
		CheckpointedHeight: uint64(o.State.Checkpointed), StateDigest: at.Digest.String(), Root: at.Root.String(), Log: logOf(o.Log),
	}
	for _, p := range o.State.Prepared {
		found.InDoubt = append(found.InDoubt, inDoubtOf(p))
	}
	return found, o.Close()
}

func inDoubtOf(p *protocol.Prepared) inDoubt {
	return inDoubt{
		Height: uint64(p.Attempt.Height), Epoch: uint64(p.Attempt.Epoch), Attempt: p.Attempt.Attempt,
		Since: time.UnixMilli(int64(p.UnixMillis)), Bytes: len(p.Writes) + len(p.Pushed),
	}
}

func inspectCoordinator(dir string) (inspection, error) {
	o, err := coordinator.ReadOffline(dir)
	if err != nil {
		return inspection{}, err
	}
	found := inspection{
		Role: "coordinator", Cluster: o.State.Config.Cluster.String(), Shards: o.State.Config.Shards(), Epoch: uint64(o.State.Epoch),
		CheckpointedHeight: uint64(o.Kept), Root: protocol.Digest{}.String(), Joined: map[uint32]string{}, Log: logOf(o.Log),
	}
	if d := o.State.Decided; d != nil {
		found.Height, found.Root = uint64(d.Height()), d.Root.String()
	}
	for s, d := range o.State.Joined {
		found.Joined[uint32(s)] = d.String()
	}
	for _, p := range o.State.Pending {
		found.Undecided = append(found.Undecided, undecided{Height: uint64(p.Height), Block: p.Key, Bytes: len(p.Body)})
	}
	return found, nil
}

func logOf(a wal.Assessment) inspectedLog {
	l := inspectedLog{ID: fmt.Sprintf("%x", a.ID[:]), First: a.First, Last: a.Last}
	for _, r := range a.Repairs {
		l.Repairs = append(l.Repairs, r.String())
	}
	return l
}

func (i inspection) writeText(w io.Writer) error {
	who := i.Role
	if i.Shard != nil {
		who = fmt.Sprintf("shard %d", *i.Shard)
	}
	lines := []string{
		fmt.Sprintf("%s of cluster %s (%s)", who, i.Cluster, report.Plural(i.Shards, "shard")),
		fmt.Sprintf("height      %d, in the database up to %d", i.Height, i.CheckpointedHeight),
		fmt.Sprintf("epoch       %d", i.Epoch),
		fmt.Sprintf("root        %s", i.Root),
	}
	if i.StateDigest != "" {
		lines = append(lines, "digest      "+i.StateDigest)
	}
	lines = append(lines, fmt.Sprintf("log         records %d to %d", i.Log.First, i.Log.Last),
		fmt.Sprintf("free space  %d MiB", i.FreeBytes>>20))
	for _, r := range i.Log.Repairs {
		lines = append(lines, "a start will mend: "+r)
	}
	for _, d := range i.InDoubt {
		lines = append(lines, fmt.Sprintf("in doubt    height %d, attempt %d.%d, %d bytes, prepared %s ago",
			d.Height, d.Epoch, d.Attempt, d.Bytes, report.Duration(time.Since(d.Since))))
	}
	for _, u := range i.Undecided {
		lines = append(lines, fmt.Sprintf("undecided   height %d, block %q, %d bytes", u.Height, u.Block, u.Bytes))
	}
	var errs []error
	for _, line := range lines {
		_, err := fmt.Fprintln(w, line)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
