package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/executor"
)

// dumpSettings are the flags of recover dump.
type dumpSettings struct {
	data   string
	height bool
}

func recoverDumpCommand() *cobra.Command {
	var s dumpSettings
	cmd := &cobra.Command{
		Use:   "dump",
		Short: "Print the committed state of a stopped shard",
		Long: `Print the committed state of a stopped shard, from database and log together, as
JSON Lines: one line a pair, sorted by key, values in hexadecimal.`,
		Example: "  lockstep recover dump --data /var/lib/lockstep/shard0",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	cmd.Flags().StringVar(&s.data, "data", "", "data `DIR` of the shard")
	cmd.Flags().BoolVar(&s.height, "height", false, "print only height, chain root and state digest")
	cli.Require(cmd, "data")
	return cmd
}

// dumpHeight is what dump --height prints.
type dumpHeight struct {
	Shard       uint32 `json:"shard"`
	Height      uint64 `json:"height"`
	Root        string `json:"root"`
	StateDigest string `json:"state_digest"`
	Cluster     string `json:"cluster"`
}

func (s dumpSettings) run(cmd *cobra.Command) error {
	o, err := executor.ReadOffline(s.data)
	if err != nil {
		return offlineError(err)
	}
	if s.height {
		at := o.Committed()
		err = cli.WriteJSON(cmd.OutOrStdout(), dumpHeight{
			Shard: uint32(o.Checkpoint.Shard), Height: uint64(at.Height()), Root: at.Root.String(), StateDigest: at.Digest.String(),
			Cluster: o.State.Config.Cluster.String(),
		})
	} else {
		err = dump(o, cmd.OutOrStdout())
	}
	return offlineError(errors.Join(err, o.Close()))
}

// pair is one line of a dump.
type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	// KeyHex is given for a key that is not UTF-8, which JSON cannot hold.
	KeyHex string `json:"key_hex,omitempty"`
}

func dump(o *executor.Offline, w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	err := o.Scan(func(key, value []byte) error { return cli.WriteJSON(out, pairOf(key, value)) })
	return errors.Join(err, out.Flush())
}

func pairOf(key, value []byte) pair {
	p := pair{Key: string(key), Value: hex.EncodeToString(value)}
	if !isText(key) {
		p.KeyHex = hex.EncodeToString(key)
	}
	return p
}
