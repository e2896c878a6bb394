package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/clustertest"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func digest(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// busy is a cluster in which everything is there to be shown.
func busy(s *clustertest.Server) {
	s.Cluster = &wirepb.ClusterStatus{
		Cluster: bytes.Repeat([]byte{0xc1}, 16), Epoch: 3, Height: 1_234_812, Root: digest(0x4f), Config: s.Cluster.Config,
		QueuedBlocks: 2, QueuedBytes: 3 << 20,
		InFlight: []*wirepb.InFlight{
			{Height: 1_234_813, Epoch: 3, Attempt: 1, Phase: "voting", WaitingFor: []uint32{1, 2}, Key: "46147", AgeMs: 1234},
			{Height: 1_234_814, Phase: "waiting", Key: "a-long-file-name.jsonl:1001:0123456789abcdef\x1b[31m", AgeMs: 12},
		},
		Shards: []*wirepb.ShardStatus{
			{Id: 0, State: wirepb.ShardState_SHARD_STATE_READY, CommittedHeight: 1_234_812, CheckpointedHeight: 1_234_800, StateDigest: digest(0xab),
				Address: "127.0.0.1:41234", Prepared: []*wirepb.PreparedAttempt{{Height: 1_234_813, Epoch: 3, Attempt: 1, AgeMs: 12}}},
			{Id: 1, State: wirepb.ShardState_SHARD_STATE_WAITING_FOR_COORDINATOR, CommittedHeight: 1_234_812, CheckpointedHeight: 1_234_812,
				StateDigest: digest(0xcd), Address: "127.0.0.1:41235", LastSlot: 8191},
			{Id: 2, State: wirepb.ShardState_SHARD_STATE_DISCONNECTED},
			{Id: 3, State: wirepb.ShardState_SHARD_STATE_QUARANTINED, Reason: "digest at height 812 differs:\nkeep the data", CommittedHeight: 811,
				Address: "127.0.0.1:41237"},
		},
	}
}

func TestStatus(t *testing.T) {
	s := clustertest.Start(t)
	busy(s)
	wantDone(t, lockstep(t, "", "status", "--coordinator", s.Address), "status.txt")
	wantDone(t, lockstep(t, "", "status", "--coordinator", s.Address, "-o", "json"), "status.json")
}

func TestStatusOfAnEmptyCluster(t *testing.T) {
	s := clustertest.Start(t)
	wantDone(t, lockstep(t, "", "status", "--coordinator", s.Address, "-o", "json"), "status_empty.json")
}

func TestGet(t *testing.T) {
	s := clustertest.Start(t)
	s.Cluster.Height, s.Shard = 812, &wirepb.ShardStatus{Id: 1, CommittedHeight: 811}
	s.State = map[string][]byte{"account/alice": {0x7a, 0x69}, "account/odd": {0}, "kv/x": []byte("hello"), "kv/b": {0, 255}, "kv/e": {}, "kv/esc": []byte("\x1b[2J"),
		"account/max": digest(255), "kv/long": bytes.Repeat([]byte("long "), 100)}
	keys := []string{"account/alice", "account/carol", "account/odd", "kv/x", "kv/b", "kv/e", "kv/esc", "kv/none", "alice", "account/max", "kv/long"}
	wantDone(t, lockstep(t, "", append([]string{"get", "--coordinator", s.Address}, keys...)...), "get.txt")
	wantDone(t, lockstep(t, "", append([]string{"get", "--coordinator", s.Address, "-o", "json"}, keys...)...), "get.json")
	wantDone(t, lockstep(t, "", append([]string{"get", "--shard", s.Address}, keys...)...), "get_shard.txt")
	wantDone(t, lockstep(t, "", append([]string{"get", "--shard", s.Address, "-o", "json"}, keys...)...), "get_shard.json")
	wantFailure(t, lockstep(t, "", "get", "--coordinator", s.Address, "--height", "813", "kv/x"), cli.ExitFailed, "height 813 is not committed yet")
}

// A flag beats the variable of the flag that it excludes.
func TestGetFromAShardWithACoordinatorInTheEnvironment(t *testing.T) {
	s := clustertest.Start(t)
	t.Setenv("LOCKSTEP_COORDINATOR", "127.0.0.1:1")
	if r := lockstep(t, "", "get", "--shard", s.Address, "kv/x"); r.code != cli.ExitDone {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	t.Setenv("LOCKSTEP_SHARD", "127.0.0.1:1")
	if r := lockstep(t, "", "get", "--coordinator", s.Address, "kv/x"); r.code != cli.ExitDone {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	wantFailure(t, lockstep(t, "", "get", "--coordinator", s.Address, "--shard", s.Address, "kv/x"), cli.ExitUsage, "--coordinator and --shard exclude each other")
}

func TestBlocks(t *testing.T) {
	s := clustertest.Start(t)
	var file strings.Builder
	for i := range 25 {
		for range i%3 + 1 {
			fmt.Fprintf(&file, `{"block":"block-%d","ops":[{"op":"credit","account":"a","amount":"1"}]}`+"\n", i)
		}
	}
	if r := lockstep(t, file.String(), "submit", "--coordinator", s.Address, "-"); r.code != cli.ExitDone {
		t.Fatal(r.err)
	}
	wantDone(t, lockstep(t, "", "blocks", "--coordinator", s.Address), "blocks.txt")
	wantDone(t, lockstep(t, "", "blocks", "--coordinator", s.Address, "--from", "3", "-n", "2", "-o", "json"), "blocks.json")
	wantDone(t, lockstep(t, "", "blocks", "--coordinator", s.Address, "--key", "block-2"), "block.txt")
	wantDone(t, lockstep(t, "", "blocks", "--coordinator", s.Address, "--from", "26"), "blocks_none.txt")
	wantFailure(t, lockstep(t, "", "blocks", "--coordinator", s.Address, "--key", "nope"), cli.ExitFailed, `no block with key "nope" is committed`)
}

func TestManyBlocksComePageByPage(t *testing.T) {
	s := clustertest.Start(t)
	const blocks = 2500
	for i := range blocks {
		s.Add(&wirepb.Block{Height: uint64(i + 1)})
	}
	for _, test := range []struct {
		args []string
		want int
	}{
		{[]string{"-n", "2100"}, 2100},
		{[]string{"-n", "9999"}, blocks},
		{[]string{"-n", "9999", "--from", "1501"}, 1000},
	} {
		r := lockstep(t, "", append([]string{"blocks", "--coordinator", s.Address, "-o", "json"}, test.args...)...)
		if got := strings.Count(r.out, "\n"); got != test.want || !strings.Contains(r.out, fmt.Sprintf(`{"height":%d,`, blocks)) {
			t.Errorf("%q: %d blocks, want %d, up to the newest", test.args, got, test.want)
		}
	}
}

// watched is standard output that ends a watch after some tables.
type watched struct {
	out    bytes.Buffer
	tables int
	enough context.CancelFunc
}

func (w *watched) Write(p []byte) (int, error) {
	if w.tables -= strings.Count(string(p), "cluster ") + strings.Count(string(p), "[WARN]"); w.tables <= 0 {
		w.enough()
	}
	return w.out.Write(p)
}

func TestStatusWatch(t *testing.T) {
	s := clustertest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	out := &watched{tables: 2, enough: cancel}
	r := root()
	r.SetOut(out)
	if code := cli.Run(ctx, r, []string{"status", "--watch", "--coordinator", s.Address}); code != cli.ExitDone {
		t.Errorf("exit code %d", code)
	}
	if n := strings.Count(out.out.String(), "epoch 0"); n != 2 {
		t.Errorf("%d tables, want 2", n)
	}
}

// A coordinator that is away does not end a watch.
func TestStatusWatchWhileTheCoordinatorIsAway(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := &watched{tables: 1, enough: cancel}
	r := root()
	r.SetErr(out)
	code := cli.Run(ctx, r, []string{"status", "--watch", "--coordinator", "127.0.0.1:1"})
	if got := out.out.String(); code != cli.ExitDone || !strings.Contains(got, "no status: reason=\"cannot reach the coordinator at 127.0.0.1:1") {
		t.Errorf("exit code %d, standard error %s", code, got)
	}
}

func TestAddressList(t *testing.T) {
	s := clustertest.Start(t)
	if r := lockstep(t, "", "status", "--coordinator", "127.0.0.1:1,"+s.Address); r.code != cli.ExitDone {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

func TestUnreachable(t *testing.T) {
	for _, test := range []struct {
		args     []string
		code     int
		sentence string
	}{
		{[]string{"status", "--coordinator", "127.0.0.1:1"}, cli.ExitFailed,
			`lockstep: cannot reach the coordinator at 127.0.0.1:1: is it running? start it with "lockstep coordinator", or give --coordinator`},
		{[]string{"get", "--shard", "127.0.0.1:1", "kv/x"}, cli.ExitFailed,
			`lockstep: cannot reach the shard at 127.0.0.1:1: is it running? start it with "lockstep shard", or give --shard`},
		{[]string{"blocks", "--coordinator", "127.0.0.1:1,127.0.0.1:2"}, cli.ExitFailed,
			`lockstep: none of the 2 coordinators answers; the last: cannot reach the coordinator at 127.0.0.1:2`},
		{[]string{"get", "--coordinator", "nowhere", "kv/x"}, cli.ExitUsage, `lockstep: --coordinator: "nowhere" is not an address: want HOST:PORT`},
		{[]string{"get", "--shard", "nowhere", "kv/x"}, cli.ExitUsage, `lockstep: --shard: "nowhere" is not an address: want HOST:PORT`},
		{[]string{"submit", "--coordinator", "127.0.0.1:1", "--timeout", "300ms", "--log-level", "error", "-"}, cli.ExitUnknown, `the coordinator at 127.0.0.1:1`},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			wantFailure(t, lockstep(t, "", test.args...), test.code, test.sentence)
		})
	}
}
