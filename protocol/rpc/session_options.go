package rpc

import (
	"math/rand/v2"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol/outage"
	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// SessionOptions is what both sides of a session have in common. The zero
// value of each field takes its default.
type SessionOptions struct {
	Logger hclog.Logger // nil logs nothing

	// QueueMessages and QueueBytes bound what one session may hold back for a
	// slow peer; default 65,536 messages and 768 MiB. A coordinator must allow
	// more bytes than protocol.CoordinatorOptions.QueueBytes, because a resync
	// may send every block that is under way. A message that is alone in the
	// queue is always taken. Messages that share bytes count each in full.
	QueueMessages int
	QueueBytes    int
	// MaxMessageBytes bounds a message that comes in; default
	// wire.DefaultMaxMessage.
	MaxMessageBytes int

	// Heartbeat is the longest a sender stays silent; default 500 ms, so that a
	// reader that waits for a second has missed more than one.
	Heartbeat time.Duration
	// Silence is how long a reader waits in vain before it ends the session;
	// default 4 s: long enough for a machine that is short of breath, since a
	// session that ends where there is nowhere else to go gains nothing.
	Silence time.Duration
	// Flush bounds the wait for what was sent before Close; default 1 s.
	Flush time.Duration

	// Bounds is asked before each message is checked; nil knows nothing. It is
	// called from many goroutines.
	Bounds func() wire.Bounds

	Clock  Clock          // nil is the system's
	Random func() float64 // in [0, 1), from many goroutines; nil is math/rand/v2

	troubles *outage.Group // by what it is that goes wrong again and again
}

func (o SessionOptions) withDefaults() SessionOptions {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Bounds == nil {
		o.Bounds = func() wire.Bounds { return wire.Bounds{} }
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	o.troubles = outage.NewGroup(o.Logger, o.Clock.Now)
	setDefault(&o.QueueMessages, 1<<16)
	setDefault(&o.QueueBytes, 768<<20)
	setDefault(&o.MaxMessageBytes, wire.DefaultMaxMessage)
	setDefault(&o.Heartbeat, 500*time.Millisecond)
	setDefault(&o.Silence, 4*time.Second)
	setDefault(&o.Flush, time.Second)
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
