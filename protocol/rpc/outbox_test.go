package rpc

import (
	"errors"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func block(size int) protocol.Envelope {
	a := protocol.AttemptID{Height: 1, Epoch: 1, Attempt: 1}
	return protocol.Envelope{Epoch: 1, Message: &protocol.Execute{Attempt: a, SubBlock: make([]byte, size)}}
}

func decision() protocol.Envelope {
	a := protocol.AttemptID{Height: 1, Epoch: 1, Attempt: 1}
	return protocol.Envelope{Epoch: 1, Message: protocol.Commit{Committed: protocol.Committed{Attempt: a}}}
}

func mustAdd(t *testing.T, o *outbox, env protocol.Envelope) {
	t.Helper()
	if err := o.add(env); err != nil {
		t.Fatal(err)
	}
}

func mustNext(t *testing.T, o *outbox) *wirepb.Frame {
	t.Helper()
	frame, _, err := o.next()
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// A decision that is added while a block is going out is the very next frame.
func TestOutboxPutsControlBetweenFrames(t *testing.T) {
	o := newOutbox(10, 100<<20)
	mustAdd(t, o, block(3*wire.ChunkBytes))
	if f := mustNext(t, o); f.Lane != wire.Bulk || !f.More || len(f.Data) != wire.ChunkBytes {
		t.Fatalf("first frame: lane %v, more %v, %d bytes", f.Lane, f.More, len(f.Data))
	}
	mustAdd(t, o, decision())
	mustAdd(t, o, decision())
	for range 2 {
		if f := mustNext(t, o); f.Lane != wire.Control || f.More {
			t.Fatalf("then lane %v, more %v", f.Lane, f.More)
		}
	}
	for n, more := range []bool{true, true, false} {
		if f := mustNext(t, o); f.Lane != wire.Bulk || f.More != more {
			t.Fatalf("frame %d after: lane %v, more %v", n, f.Lane, f.More)
		}
	}
	if f := mustNext(t, o); f != nil || o.messages != 0 || o.bytes != 0 {
		t.Errorf("at the end: %v, %d messages, %d bytes", f, o.messages, o.bytes)
	}
}

func TestOutboxIsBounded(t *testing.T) {
	o := newOutbox(2, 1000)
	mustAdd(t, o, block(1<<20)) // alone: always taken
	if err := o.add(decision()); !errors.Is(err, ErrOverflow) {
		t.Errorf("over the bound of bytes: %v", err)
	}
	for mustNext(t, o) != nil {
	}
	mustAdd(t, o, decision())
	mustAdd(t, o, decision())
	if err := o.add(decision()); !errors.Is(err, ErrOverflow) {
		t.Errorf("over the bound of messages: %v", err)
	}
}

func TestOutboxDrains(t *testing.T) {
	o := newOutbox(10, 1000)
	mustAdd(t, o, decision())
	o.drain()
	mustAdd(t, o, decision()) // lost
	if f, done, err := o.next(); f == nil || done || err != nil {
		t.Fatal(f, done, err)
	}
	if f, done, err := o.next(); f != nil || !done || err != nil {
		t.Fatal(f, done, err)
	}
}

func TestOutboxDrops(t *testing.T) {
	o := newOutbox(10, 100<<20)
	mustAdd(t, o, block(3*wire.ChunkBytes))
	mustAdd(t, o, block(1))
	mustNext(t, o)
	o.drop()
	if f, done, err := o.next(); f != nil || !done || err != nil {
		t.Error(f, done, err)
	}
}

func TestOutboxHeartbeatOnlyIfNothingElse(t *testing.T) {
	o := newOutbox(10, 1000)
	o.wantBeat()
	if f := mustNext(t, o); f.GetLane() != wirepb.Lane_LANE_HEARTBEAT {
		t.Errorf("frame %v", f)
	}
	o.wantBeat()
	mustAdd(t, o, decision())
	if f := mustNext(t, o); f.GetLane() != wire.Control {
		t.Errorf("frame %v", f)
	}
	if f := mustNext(t, o); f != nil {
		t.Errorf("a heartbeat after a message: %v", f)
	}
}

func TestOutboxRefusesWhatCannotBeSent(t *testing.T) {
	o := newOutbox(10, 1000)
	mustAdd(t, o, protocol.Envelope{})
	if _, _, err := o.next(); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("got %v", err)
	}
}
