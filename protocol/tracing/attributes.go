package tracing

import (
	"go.opentelemetry.io/otel/attribute"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Key is the key of a block.
func Key(key string) attribute.KeyValue { return attribute.String("lockstep.block.key", key) }

// Height is the place of a block in the order.
func Height(h protocol.Height) attribute.KeyValue { return number("lockstep.height", uint64(h)) }

// Epoch is the number of an incarnation of the coordinator.
func Epoch(e protocol.Epoch) attribute.KeyValue { return number("lockstep.epoch", uint64(e)) }

func number(name string, n uint64) attribute.KeyValue {
	return attribute.Int64(name, int64(n)) //nolint:G115 // heights and epochs are counted up from 0
}

// AttemptID names an attempt as logs do.
func AttemptID(a protocol.AttemptID) attribute.KeyValue {
	return attribute.String("lockstep.attempt", a.String())
}

// Shard is the number of a shard.
func Shard(s protocol.ShardID) attribute.KeyValue { return attribute.Int64("lockstep.shard", int64(s)) }
