package coordinator

import (
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Options configures a coordinator.
type Options struct {
	Directory string // data directory; made if it does not exist
	// Shards is the number of shards of the cluster, fixed when the directory
	// is made; 0 takes what the directory says.
	Shards int
	Limits protocol.Limits // of a new cluster
	Logger hclog.Logger

	Protocol protocol.CoordinatorOptions
	// DefaultTimeout bounds the wait of a client that names no bound, and
	// MostTimeout that of one that does; 0 means 60 s and 1 h.
	DefaultTimeout, MostTimeout time.Duration
	// RetainHeights is how many decided heights keep their block bodies in the
	// log after every shard has made them durable; 0 means 64.
	RetainHeights int
	Batch         BatchOptions
	// MinFreeBytes is the free space of the data directory's file system below
	// which no more blocks are taken up; 0 means 128 MiB, negative means none.
	MinFreeBytes int64
	// LogForced is told how long each force of the log took; nil if nobody
	// wants to know. It must not block.
	LogForced func(time.Duration)
}

func (o Options) withDefaults() Options {
	if o.DefaultTimeout == 0 {
		o.DefaultTimeout = time.Minute
	}
	if o.MostTimeout == 0 {
		o.MostTimeout = time.Hour
	}
	if o.RetainHeights == 0 {
		o.RetainHeights = 64
	}
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = 128 << 20
	}
	if o.Limits == (protocol.Limits{}) {
		o.Limits = protocol.DefaultLimits()
	}
	o.Batch = o.Batch.withDefaults()
	return o
}
