package wire_test

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestRoundTripToShard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roundTrip(t, genToShard.Draw(t, "envelope"), wire.UnmarshalToShard)
	})
}

func TestRoundTripToCoordinator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roundTrip(t, genToCoordinator.Draw(t, "envelope"), wire.UnmarshalToCoordinator)
	})
}

type unmarshal func([]byte, wire.Bounds) (protocol.Envelope, error)

func roundTrip(t rapid.TB, env protocol.Envelope, read unmarshal) {
	lane, data, err := wire.Marshal(env)
	if err != nil {
		t.Fatal(err)
	}
	if lane != wire.LaneOf(env.Message) {
		t.Fatalf("lane %v", lane)
	}
	if hint := wire.SizeHint(env.Message); hint < len(data)-16*1024 {
		t.Fatalf("size hint %d for %d bytes", hint, len(data))
	}
	got, err := read(data, wire.Bounds{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, env) {
		t.Fatalf("got  %#v\nwant %#v", got, env)
	}
}

// The bytes on the wire are a promise to nodes of other versions.
func TestGolden(t *testing.T) {
	var b strings.Builder
	for _, s := range append(shardSamples(), coordinatorSamples()...) {
		lane, data, err := wire.Marshal(s.env)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		fmt.Fprintf(&b, "%s %v %s\n", s.name, lane, hex.EncodeToString(data))
	}
	const file = "testdata/golden.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the bytes on the wire have changed; got\n%swant\n%s", b.String(), want)
	}
}

func TestLanes(t *testing.T) {
	for _, s := range append(shardSamples(), coordinatorSamples()...) {
		want := wire.Bulk
		switch s.env.Message.(type) {
		case *protocol.Welcome, protocol.Peers, protocol.Commit, protocol.Reject:
			want = wire.Control
		}
		if lane, _, _ := wire.Marshal(s.env); lane != want {
			t.Errorf("%s travels on %v, want %v", s.name, lane, want)
		}
	}
}

// Whatever a machine panics with, the refusal that carries it can be sent.
func TestReasonsAreMadeFit(t *testing.T) {
	for _, reason := range []string{long(wire.MaxReasonBytes + 1), "\xff\xfe bad", strings.Repeat("ü", wire.MaxReasonBytes)} {
		_, data, err := wire.Marshal(protocol.Envelope{Epoch: 1, Message: protocol.Quarantined{Reason: reason}})
		if err != nil {
			t.Fatal(err)
		}
		env, err := wire.UnmarshalToCoordinator(data, wire.Bounds{})
		if err != nil {
			t.Fatal(err)
		}
		got := env.Message.(protocol.Quarantined).Reason
		if !utf8.ValidString(got) || len(got) > wire.MaxReasonBytes || len(got) < min(len(reason), wire.MaxReasonBytes-8) {
			t.Errorf("reason of %d bytes became one of %d bytes", len(reason), len(got))
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	for name, env := range map[string]protocol.Envelope{
		"nothing":                  {Epoch: 1},
		"hello of another epoch":   {Epoch: 2, Message: &protocol.Hello{Epoch: 1}},
		"address that is no UTF-8": {Epoch: 1, Message: &protocol.Hello{Epoch: 1, Address: "\xff"}},
	} {
		if _, _, err := wire.Marshal(env); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	huge := &protocol.Execute{Attempt: attempt(1, 1, 1), SubBlock: make([]byte, wire.DefaultMaxMessage)}
	if _, _, err := wire.Marshal(protocol.Envelope{Epoch: 1, Message: huge}); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("huge: %v", err)
	}
}

// The largest messages that a cluster may need pass.
func TestLargestMessages(t *testing.T) {
	block := &protocol.Execute{Attempt: attempt(1, 1, 1), SubBlock: make([]byte, 64<<20+4*1_000_000)}
	_, data, err := wire.Marshal(protocol.Envelope{Epoch: 1, Message: block})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.UnmarshalToShard(data, wire.Bounds{}); err != nil {
		t.Error(err)
	}
	vote := worstVote()
	_, data, err = wire.Marshal(protocol.Envelope{Epoch: 1, Message: &vote})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.UnmarshalToCoordinator(data, wire.Bounds{}); err != nil {
		t.Error(err)
	}
}

// A whole window of the largest blocks with the worst outcomes can be resynced.
func TestHelloWithFullWindow(t *testing.T) {
	if testing.Short() {
		t.Skip("needs some hundred megabytes")
	}
	hello := &protocol.Hello{Directory: protocol.DirectoryID{1}, Instance: protocol.InstanceID{1}}
	for range protocol.MaxWindow {
		hello.Prepared = append(hello.Prepared, worstVote())
	}
	_, data, err := wire.Marshal(protocol.Envelope{Message: hello})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.UnmarshalToCoordinator(data, wire.Bounds{}); err != nil {
		t.Error(err)
	}
}

// worstVote has a million outcomes, of which no two neighbours are alike.
func worstVote() protocol.Vote {
	codes := make([]byte, 1_000_000)
	for i := range codes {
		codes[i] = byte(1 + i%255)
	}
	var names []string
	for i := range 255 {
		names = append(names, fmt.Sprintf("%064d", i))
	}
	return protocol.Vote{Attempt: attempt(1, 1, 1), Yes: true, Outcomes: protocol.Outcomes{Names: names, Codes: codes}}
}
