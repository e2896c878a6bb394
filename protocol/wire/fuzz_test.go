package wire_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

var fuzzBounds = wire.Bounds{Shards: 4, Transactions: 1000}

func FuzzUnmarshalToShard(ff *testing.F) {
	f := fuzz.New(ff)
	addSamples(f, shardSamples())
	f.Bound(1<<9, 1<<18)
	f.Fuzz(func(t testing.TB, data []byte) { mustHold(t, data, wire.UnmarshalToShard) })
}

func FuzzUnmarshalToCoordinator(ff *testing.F) {
	f := fuzz.New(ff)
	addSamples(f, coordinatorSamples())
	f.Bound(1<<9, 1<<18)
	f.Fuzz(func(t testing.TB, data []byte) { mustHold(t, data, wire.UnmarshalToCoordinator) })
}

func addSamples(f *fuzz.F, samples []sample) {
	for _, s := range samples {
		_, data, err := wire.Marshal(s.env)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// mustHold: bytes are refused with one of two errors, or mean an envelope that
// can be sent on and means the same again.
func mustHold(t testing.TB, data []byte, read unmarshal) {
	env, err := read(data, fuzzBounds)
	if err != nil {
		if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, wire.ErrTooLarge) {
			t.Fatalf("an error of no kind: %v", err)
		}
		if env != (protocol.Envelope{}) {
			t.Fatalf("an envelope with an error: %v", env)
		}
		return
	}
	_, again, err := wire.Marshal(env)
	if err != nil {
		t.Fatalf("what was accepted cannot be sent: %v", err)
	}
	back, err := read(again, fuzzBounds)
	if err != nil {
		t.Fatalf("what was sent on is refused: %v", err)
	}
	if !reflect.DeepEqual(back, env) {
		t.Fatalf("got  %#v\nwant %#v", back, env)
	}
}

// FuzzAssembler feeds frames cut out of the input: three bytes of each say
// lane, more, and length.
func FuzzAssembler(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add([]byte{2, 1, 3, 'a', 'b', 'c', 1, 0, 1, 'x', 2, 0, 1, 'd'})
	f.Add([]byte{3, 0, 0})
	f.Bound(1<<8, 1<<17)
	f.Fuzz(func(t testing.TB, data []byte) {
		const most = 64
		a, in, out := wire.NewAssembler(most), 0, 0
		for len(data) >= 3 {
			frame := &wirepb.Frame{Lane: wirepb.Lane(data[0]), More: data[1] == 1}
			n := min(int(data[2]), len(data)-3)
			frame.Data, data = data[3:3+n], data[3+n:]
			message, err := a.Add(frame)
			if err != nil {
				if _, again := a.Add(&wirepb.Frame{Lane: wire.Bulk, Data: []byte("x")}); again != err {
					t.Fatalf("after %v: %v", err, again)
				}
				return
			}
			in += n
			if out += len(message); len(message) > most || out > in {
				t.Fatalf("a message of %d bytes out of %d", len(message), in)
			}
		}
	})
}
