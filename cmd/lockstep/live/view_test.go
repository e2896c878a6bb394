package live

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// busy is a cluster of four shards and three coordinators with everything there
// is to show.
func busy() report.Cluster {
	contact := uint64(46)
	c := report.Cluster{
		Cluster: "c1c1", Epoch: 3, Height: 1_234_812, Leader: "c1", Transactions: 500_000, QueuedBlocks: 2, QueuedBytes: 3 << 20,
		Shards: []report.Shard{
			{ID: 0, State: "ready", CommittedHeight: 1_234_812, CheckpointedHeight: 1_234_800, StateDigest: strings.Repeat("ab", 32), Address: "10.0.0.5:41234",
				Prepared: []report.Prepared{{Height: 1_234_813, Epoch: 3, Attempt: 1, AgeMs: 5440}}},
			{ID: 1, State: "disconnected", CommittedHeight: 1_234_812, StateDigest: strings.Repeat("cd", 32), Address: "10.0.0.6:41235"},
			{ID: 2, State: "executing", CommittedHeight: 1_234_812, Address: "shard-two.example.org:41236"},
			{ID: 3, State: "ready", Reason: "12 MiB are free where shard 3 keeps its data, it wants 128 MiB to prepare anything:\x1b[31m free some space", CommittedHeight: 1_234_811},
		},
		Coordinators: []report.Coordinator{
			{Name: "c1", Role: "leader", State: "ready", Term: 7, Address: "10.0.0.1:7400"},
			{Name: "c2", Role: "follower", State: "ready", Term: 7, Behind: 2, ContactMs: &contact, Address: "10.0.0.2:7400"},
			{Name: "c3", Role: "unknown", State: "unreachable", Reason: "c3 does not answer at 10.0.0.3:7400: start it", Behind: 2376, Address: "10.0.0.3:7400"},
		},
	}
	for i := range uint64(11) {
		c.InFlight = append(c.InFlight, report.InFlight{Height: c.Height + 1 + i, Epoch: 3, Attempt: 1, Phase: "voting", WaitingFor: []uint32{1, 2},
			Block: fmt.Sprintf("a-long-file-name.jsonl:%d:0123456789abcdef", i), AgeMs: 5440 - i})
	}
	return c
}

// seen is a view of two looks, a second apart.
func seen() *View {
	v, before := NewView(noon), busy()
	before.Height -= 12
	before.Transactions -= 9_512
	v.See(noon, before, nil)
	v.See(noon.Add(time.Second), busy(), nil)
	return v
}

func wantView(t *testing.T, name string, lines []string, columns, rows int) {
	t.Helper()
	got, path := strings.Join(lines, "\n")+"\n", filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
	wantFit(t, lines, columns, rows)
}

func wantFit(t *testing.T, lines []string, columns, rows int) {
	t.Helper()
	if len(lines) > rows {
		t.Errorf("%d lines on %d rows", len(lines), rows)
	}
	for _, line := range lines {
		if n := text.StringWidth(line); n > columns || strings.ContainsAny(line, "\n\r\x1b") {
			t.Errorf("%d columns of %d: %q", n, columns, line)
		}
	}
}

func TestView(t *testing.T) {
	for _, size := range []struct{ columns, rows int }{{60, 20}, {80, 24}, {140, 40}, {200, 60}} {
		name := fmt.Sprintf("view_%dx%d.txt", size.columns, size.rows)
		wantView(t, name, seen().Lines(noon.Add(time.Second), size.columns, size.rows), size.columns, size.rows)
	}
}

func TestViewFitsAnywhere(t *testing.T) {
	v := seen()
	for columns := 0; columns < 210; columns += 3 {
		for _, rows := range []int{0, 1, 2, 5, 24, 100} {
			wantFit(t, v.Lines(noon, columns, rows), max(columns, 1), max(rows, 1))
		}
	}
}

// What was seen last stays, with its age, while nobody answers.
func TestViewWithoutAnAnswer(t *testing.T) {
	v := NewView(noon)
	wantView(t, "view_asks.txt", v.Lines(noon, 80, 24), 80, 24)
	v.See(noon, report.Cluster{}, errors.New("cannot reach the coordinator at 127.0.0.1:7400:\nis it running?"))
	wantView(t, "view_never.txt", v.Lines(noon.Add(7*time.Second), 80, 24), 80, 24)
	v = seen()
	v.See(noon.Add(4*time.Second), report.Cluster{}, errors.New("none of the 3 coordinators answers"))
	wantView(t, "view_stale.txt", v.Lines(noon.Add(13*time.Second), 80, 24), 80, 24)
	v.See(noon.Add(14*time.Second), busy(), nil)
	if line := v.Lines(noon.Add(14*time.Second), 80, 24)[1]; strings.Contains(line, "No answer") {
		t.Errorf("after an answer: %s", line)
	}
}

func TestRates(t *testing.T) {
	before := report.Cluster{Cluster: "c", Epoch: 2, Height: 10, Transactions: 1000}
	for _, test := range []struct {
		now   report.Cluster
		apart time.Duration
		want  string
	}{
		{report.Cluster{Cluster: "c", Epoch: 2, Height: 13, Transactions: 9000}, 2 * time.Second, "4,000 tx/s  1.5 blocks/s"},
		{before, time.Second, "0 tx/s  0 blocks/s"},
		{report.Cluster{Cluster: "c", Epoch: 3, Height: 13, Transactions: 5}, time.Second, "- tx/s  - blocks/s"},
		{report.Cluster{Cluster: "d", Epoch: 2, Height: 13, Transactions: 9000}, time.Second, "- tx/s  - blocks/s"},
		{report.Cluster{Cluster: "c", Epoch: 2, Height: 9, Transactions: 9000}, time.Second, "- tx/s  - blocks/s"},
		{before, 0, "- tx/s  - blocks/s"},
	} {
		if got := ratesBetween(before, test.now, test.apart).String(); got != test.want {
			t.Errorf("%+v after %s: %s, want %s", test.now, test.apart, got, test.want)
		}
	}
}

func TestHeadline(t *testing.T) {
	shards := func(states ...string) (list []report.Shard) {
		for i, s := range states {
			list = append(list, report.Shard{ID: uint32(i), State: s})
		}
		return list
	}
	member := func(role, state string) report.Coordinator {
		return report.Coordinator{Name: "c", Role: role, State: state}
	}
	for _, test := range []struct {
		cluster report.Cluster
		want    string
	}{
		{report.Cluster{Shards: shards("ready", "ready")}, "All is well: nothing is under way."},
		{report.Cluster{InFlight: []report.InFlight{{AgeMs: 10, WaitingFor: []uint32{1}}}}, "All is well: 1 block under way."},
		{report.Cluster{Quarantined: "proof", Shards: shards("disconnected")}, "The coordinator decides nothing any more: proof"},
		{report.Cluster{Shards: shards("quarantined", "disconnected")}, "Nothing is committed: shard 0 is quarantined; see why below."},
		{report.Cluster{Shards: shards("ready", "disconnected", "disconnected", "disconnected")}, "Nothing is committed: shards 1, 2 and 3 are not connected."},
		{report.Cluster{InFlight: []report.InFlight{{Height: 7, AgeMs: 1000, WaitingFor: []uint32{0, 1}}}}, "Height 7 is under way for 1s: it waits for shards 0 and 1."},
		{report.Cluster{InFlight: []report.InFlight{{Height: 7, AgeMs: 2000, Phase: "deciding", WaitingFor: []uint32{}}}}, "Height 7 is under way for 2s: its decision is being made durable by the coordinators."},
		{report.Cluster{InFlight: []report.InFlight{{Height: 7, AgeMs: 2000, WaitingFor: make([]uint32, 9)}}}, "Height 7 is under way for 2s: it waits for 9 shards."},
		{report.Cluster{Coordinators: []report.Coordinator{member("leader", "ready"), member("follower", "ready"), member("unknown", "unreachable")}},
			"Blocks are committed, but c is unreachable: no coordinator more may be lost."},
		{report.Cluster{Coordinators: []report.Coordinator{member("leader", "ready"), member("learner", "catching_up")}}, "All is well: nothing is under way."},
		{report.Cluster{Coordinators: []report.Coordinator{{Role: "leader", State: "ready", ShortOfSpace: "the disk of c1 is full"}, member("follower", "ready")}},
			"No block is taken up: the disk of c1 is full"},
		{report.Cluster{Coordinators: []report.Coordinator{member("leader", "ready"), {Role: "follower", State: "ready", ShortOfSpace: "the disk of c2, which is full"}}},
			"Blocks are committed, but see to the disk of c2, which is full"},
		{report.Cluster{Shards: []report.Shard{{ID: 2, State: "ready", Reason: "no space"}}, InFlight: []report.InFlight{{Height: 7, AgeMs: 2000}}},
			"Nothing is committed. Shard 2: no space"},
		{report.Cluster{Shards: []report.Shard{{ID: 2, State: "ready", Reason: "no space"}}, InFlight: []report.InFlight{{Height: 7, Attempt: 1, AgeMs: 2000, WaitingFor: []uint32{2}}}},
			"Height 7 is under way for 2s: it waits for shard 2."},
	} {
		if got := Headline(test.cluster); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}
