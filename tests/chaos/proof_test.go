package chaos

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os/exec"

	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// prove checks everything that the run left, first of the running cluster, then
// of its stopped nodes.
func (g *game) prove() {
	g.t.Helper()
	if err := g.proveHistory(); err != nil {
		g.t.Fatal(err)
	}
	for _, m := range g.members {
		m.look()
	}
	g.StopAll()
	for shard, n := range g.Shards {
		if err := g.audit.dumped(n.Data, protocol.ShardID(shard)); err != nil {
			g.t.Errorf("%s: %v", n.Name, err)
		}
	}
	g.recovers()
	g.account()
}

// proveHistory checks the whole history with every answer and every read.
func (g *game) proveHistory() error {
	c, err := client.NewCoordinator(g.Addresses())
	if err != nil {
		return err
	}
	defer c.Close()
	if err := g.audit.follow(g.t.Context(), c); err != nil {
		return fmt.Errorf("the history: %w", err)
	}
	if height := g.Height(); g.audit.at != height {
		return fmt.Errorf("the history ends at height %d, the cluster is at height %d", g.audit.at, height)
	}
	committed, abandoned := g.load.answers.known()
	if len(committed) != len(g.audit.history) {
		return fmt.Errorf("%d blocks are committed, %d were answered as committed after all clients had their answers", len(g.audit.history), len(committed))
	}
	return errors.Join(
		g.audit.digests(g.audit.newest, true),
		g.audit.answered(committed, abandoned),
		g.audit.read(g.readers.take(g.audit.at)),
	)
}

// dumped compares the dump of a stopped shard with the sequential run, byte for
// byte (invariant 6), and the height, root and digest that the dump is of.
func (a *audit) dumped(data string, shard protocol.ShardID) error {
	if err := a.dumpedHeight(data, shard); err != nil {
		return err
	}
	cmd := exec.Command(binary, "recover", "dump", "--data", data)
	var said bytes.Buffer
	cmd.Stderr, cmd.SysProcAttr = &said, dieWithTest()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	different := compareDump(out, a.state(shard))
	if different != nil {
		_ = cmd.Process.Kill() // it may still have much to say
	}
	if err := cmd.Wait(); err != nil && different == nil {
		return fmt.Errorf("dump: %w: %s", err, said.String())
	}
	return different
}

func (a *audit) dumpedHeight(data string, shard protocol.ShardID) error {
	raw, err := exec.Command(binary, "recover", "dump", "--height", "--data", data).Output()
	if err != nil {
		return fmt.Errorf("dump the height: %w", err)
	}
	var is struct {
		Height      uint64 `json:"height"`
		Root        string `json:"root"`
		StateDigest string `json:"state_digest"`
	}
	if err := json.Unmarshal(raw, &is); err != nil {
		return fmt.Errorf("dump the height: %w", err)
	}
	if want := a.run.StateDigest(a.plan.slots, shard).String(); is.Height != a.at || is.StateDigest != want {
		return fmt.Errorf("it holds %+v, want height %d with state digest %s", is, a.at, want)
	}
	return nil
}

// state gives the sequential run's pairs of one shard, by key.
func (a *audit) state(shard protocol.ShardID) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for key, value := range a.run.All() {
			if a.plan.slots.Owner([]byte(key)) == shard && !yield(key, value) {
				return
			}
		}
	}
}

// compareDump reads a dump next to the state it should have, pair by pair.
func compareDump(dump io.Reader, want iter.Seq2[string, []byte]) error {
	next, stop := iter.Pull2(want)
	defer stop()
	for lines := json.NewDecoder(dump); ; {
		var got struct{ Key, Value string }
		err := lines.Decode(&got)
		key, value, more := next()
		switch {
		case err == io.EOF && !more:
			return nil
		case err == io.EOF:
			return fmt.Errorf("the dump ends before key %q", key)
		case err != nil:
			return fmt.Errorf("the dump: %w", err)
		case !more:
			return fmt.Errorf("the dump has key %q, which should not be there", got.Key)
		case got.Key != key || got.Value != hex.EncodeToString(value):
			return fmt.Errorf("the dump has key %q with %s, want key %q with %x", got.Key, got.Value, key, value)
		}
	}
}

// recovers lets the tools for recovery look at all stopped nodes.
func (g *game) recovers() {
	g.t.Helper()
	for _, n := range g.Coordinators {
		g.sound("recover", "verify", "--data", n.Data)
	}
	newest, err := g.audit.histories(g.Coordinators)
	if err != nil {
		g.t.Error(err)
		return
	}
	compare := []string{"recover", "compare", newest.Data}
	for _, n := range g.Shards {
		g.sound("recover", "verify", "--data", n.Data, "--decisions", newest.Data)
		compare = append(compare, n.Data)
	}
	g.sound(compare...)
}

func (g *game) sound(args ...string) {
	g.t.Helper()
	if r := cluster.Run(g.t, binary, args...); r.Code != 0 {
		g.t.Errorf("lockstep %v: exit code %d: %s%s", args, r.Code, r.Err, r.Out)
	}
}
