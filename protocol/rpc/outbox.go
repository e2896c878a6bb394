package rpc

import (
	"fmt"
	"sync"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// outbox holds what a session has still to send. Anyone may add; one writer
// takes frames out.
type outbox struct {
	maxMessages, maxBytes int
	// wake holds a token when there may be something to do for the writer.
	wake chan struct{}

	mu       sync.Mutex
	lanes    [2][]protocol.Envelope // by laneIndex
	messages int                    // not handed out in full
	bytes    int
	beat     bool // a heartbeat is wanted, if there is nothing else
	draining bool // takes no more
	dropped  bool // has forgotten everything

	// Of the writer: what is left of the message of each lane that has been begun.
	begun [2]begunMessage
}

type begunMessage struct {
	out  *wire.Outgoing // nil for none
	size int            // as counted in bytes
}

const (
	controlIndex = 0
	bulkIndex    = 1
)

func newOutbox(maxMessages, maxBytes int) *outbox {
	return &outbox{maxMessages: maxMessages, maxBytes: maxBytes, wake: make(chan struct{}, 1)}
}

// add queues a message; an error wraps ErrOverflow. An outbox that is draining
// loses the message in silence.
func (o *outbox) add(env protocol.Envelope) error {
	lane, size := bulkIndex, wire.SizeHint(env.Message)
	if wire.LaneOf(env.Message) == wire.Control {
		lane = controlIndex
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.draining:
		return nil
	case o.messages > 0 && (o.messages >= o.maxMessages || o.bytes+size > o.maxBytes):
		return fmt.Errorf("%w: %d messages of %d bytes wait already", ErrOverflow, o.messages, o.bytes)
	}
	o.lanes[lane] = append(o.lanes[lane], env)
	o.messages++
	o.bytes += size
	o.rouse()
	return nil
}

func (o *outbox) rouse() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// wantBeat asks for a heartbeat.
func (o *outbox) wantBeat() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.beat = true
	o.rouse()
}

// drain takes nothing more; what is in is still handed out.
func (o *outbox) drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.draining = true
	o.rouse()
}

// drop forgets everything.
func (o *outbox) drop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.draining, o.dropped = true, true
	o.lanes = [2][]protocol.Envelope{}
	o.rouse()
}

// isDraining reports whether drain or drop was called.
func (o *outbox) isDraining() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.draining
}

// next gives the frame to send now, or nil if there is none; then done reports
// whether there never will be one again. A message of the control lane goes
// before the next frame of the bulk lane. An error comes from wire.Send.
// For the writer only.
func (o *outbox) next() (frame *wirepb.Frame, done bool, err error) {
	if o.isDropped() {
		return nil, true, nil
	}
	for lane := range o.begun {
		if o.begun[lane].out == nil {
			if err := o.begin(lane); err != nil {
				return nil, false, err
			}
		}
		if o.begun[lane].out != nil {
			return o.chunk(lane), false, nil
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.beat {
		o.beat = false
		return &wirepb.Frame{Lane: wirepb.Lane_LANE_HEARTBEAT}, false, nil
	}
	return nil, o.draining && o.messages == 0, nil
}

func (o *outbox) isDropped() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// begin takes the next message of a lane, if there is one.
func (o *outbox) begin(lane int) error {
	env, ok := o.take(lane)
	if !ok {
		return nil
	}
	out, err := wire.Send(env)
	o.begun[lane] = begunMessage{out: out, size: wire.SizeHint(env.Message)}
	return err
}

func (o *outbox) take(lane int) (protocol.Envelope, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	queue := o.lanes[lane]
	if len(queue) == 0 {
		return protocol.Envelope{}, false
	}
	env := queue[0]
	queue[0] = protocol.Envelope{} // let go of its bytes
	o.lanes[lane] = queue[1:]
	return env, true
}

func (o *outbox) chunk(lane int) *wirepb.Frame {
	frame := o.begun[lane].out.Next()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.beat = false
	if !frame.More {
		o.messages--
		o.bytes -= o.begun[lane].size
		o.begun[lane] = begunMessage{}
	}
	return frame
}
