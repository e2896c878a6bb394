package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestChunksComeTogetherAgain(t *testing.T) {
	for _, size := range []int{1, wire.ChunkBytes - 1, wire.ChunkBytes, wire.ChunkBytes + 1, 5 * wire.ChunkBytes} {
		want := bytes.Repeat([]byte("abcdefg"), size)[:size]
		a := wire.NewAssembler(wire.DefaultMaxMessage)
		frames := 0
		for rest := want; len(rest) > 0; frames++ {
			var frame *wirepb.Frame
			frame, rest = wire.Chunk(wire.Bulk, rest)
			got, err := a.Add(frame)
			if err != nil {
				t.Fatal(err)
			}
			if done := len(rest) == 0; done != (got != nil) || done && !bytes.Equal(got, want) {
				t.Fatalf("%d bytes: frame %d gave %d bytes", size, frames, len(got))
			}
		}
		if want := (size + wire.ChunkBytes - 1) / wire.ChunkBytes; frames != want {
			t.Errorf("%d bytes went in %d frames, want %d", size, frames, want)
		}
	}
}

func TestControlBetweenBulkFrames(t *testing.T) {
	a := wire.NewAssembler(100)
	add := func(lane wire.Lane, more bool, data string) string {
		t.Helper()
		got, err := a.Add(&wirepb.Frame{Lane: lane, More: more, Data: []byte(data)})
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	if got := add(wire.Bulk, true, "blo"); got != "" {
		t.Fatal(got)
	}
	if got := add(wire.Control, true, "com"); got != "" {
		t.Fatal(got)
	}
	if got := add(wire.Control, false, "mit"); got != "commit" {
		t.Fatal(got)
	}
	if got, err := a.Add(&wirepb.Frame{Lane: wirepb.Lane_LANE_HEARTBEAT}); got != nil || err != nil {
		t.Fatal(got, err)
	}
	if got := add(wire.Bulk, false, "ck"); got != "block" {
		t.Fatal(got)
	}
	if got := add(wire.Bulk, false, "next"); got != "next" {
		t.Fatal(got)
	}
}

func TestFramesRefused(t *testing.T) {
	for name, c := range map[string]struct {
		frames []*wirepb.Frame
		want   error
	}{
		"nil":                 {[]*wirepb.Frame{nil}, wire.ErrMalformed},
		"no lane":             {[]*wirepb.Frame{{Data: []byte("x")}}, wire.ErrMalformed},
		"unknown lane":        {[]*wirepb.Frame{{Lane: 9, Data: []byte("x")}}, wire.ErrMalformed},
		"no data":             {[]*wirepb.Frame{{Lane: wire.Bulk}}, wire.ErrMalformed},
		"no data, and more":   {[]*wirepb.Frame{{Lane: wire.Bulk, More: true}}, wire.ErrMalformed},
		"heartbeat with data": {[]*wirepb.Frame{{Lane: wirepb.Lane_LANE_HEARTBEAT, Data: []byte("x")}}, wire.ErrMalformed},
		"large frame":         {[]*wirepb.Frame{{Lane: wire.Bulk, Data: make([]byte, wire.ChunkBytes+1)}}, wire.ErrTooLarge},
		"large message":       {repeat(&wirepb.Frame{Lane: wire.Bulk, More: true, Data: make([]byte, wire.ChunkBytes)}, 9), wire.ErrTooLarge},
		"large control":       {repeat(&wirepb.Frame{Lane: wire.Control, More: true, Data: make([]byte, wire.ChunkBytes)}, 5), wire.ErrTooLarge},
	} {
		a := wire.NewAssembler(8 * wire.ChunkBytes)
		for i, f := range c.frames {
			_, err := a.Add(f)
			if last := i == len(c.frames)-1; last != (err != nil) || last && !errors.Is(err, c.want) {
				t.Errorf("%s: frame %d gave %v", name, i, err)
			}
		}
	}
}

func repeat(f *wirepb.Frame, n int) (frames []*wirepb.Frame) {
	for range n {
		frames = append(frames, f)
	}
	return frames
}
