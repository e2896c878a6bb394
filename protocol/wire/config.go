package wire

import (
	"math"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Config gives the configuration record as a message.
func Config(c protocol.Config) *wirepb.ClusterConfig {
	starts := c.Slots.Starts()
	out := &wirepb.ClusterConfig{Cluster: c.Cluster[:], SlotStarts: make([]uint32, len(starts)), Limits: limitsOut(c.Limits)}
	for i, s := range starts {
		out.SlotStarts[i] = uint32(s)
	}
	return out
}

func limitsOut(l protocol.Limits) *wirepb.Limits {
	return &wirepb.Limits{
		KeyBytes: uint32(l.KeyBytes), ValueBytes: uint32(l.ValueBytes), TransactionKeys: uint32(l.TransactionKeys),
		BlockBytes: uint32(l.BlockBytes), BlockTransactions: uint32(l.BlockTransactions), TransactionPayload: uint32(l.TransactionPayload),
	}
}

// ParseConfig checks a configuration record and gives it back. The error wraps
// ErrMalformed.
func ParseConfig(in *wirepb.ClusterConfig) (c protocol.Config, err error) {
	if err := fixed("cluster id", c.Cluster[:], in.GetCluster()); err != nil {
		return protocol.Config{}, err
	}
	if c.IsZero() {
		return protocol.Config{}, malformed("a configuration without a cluster id")
	}
	if c.Slots, err = slotsIn(in.GetSlotStarts()); err != nil {
		return protocol.Config{}, err
	}
	if c.Limits, err = limitsIn(in.GetLimits()); err != nil {
		return protocol.Config{}, err
	}
	return c, nil
}

func slotsIn(in []uint32) (protocol.SlotTable, error) {
	if len(in) > protocol.MaxShards {
		return protocol.SlotTable{}, malformed("%d shards, at most %d allowed", len(in), protocol.MaxShards)
	}
	starts := make([]uint16, len(in))
	for i, s := range in {
		if s > math.MaxUint16 {
			return protocol.SlotTable{}, malformed("shard %d starts at slot %d", i, s)
		}
		starts[i] = uint16(s)
	}
	slots, err := protocol.NewSlotTable(starts)
	if err != nil {
		return protocol.SlotTable{}, malformed("%v", err)
	}
	return slots, nil
}

func limitsIn(in *wirepb.Limits) (protocol.Limits, error) {
	l := protocol.Limits{
		KeyBytes: int(in.GetKeyBytes()), ValueBytes: int(in.GetValueBytes()), TransactionKeys: int(in.GetTransactionKeys()),
		BlockBytes: int(in.GetBlockBytes()), BlockTransactions: int(in.GetBlockTransactions()), TransactionPayload: int(in.GetTransactionPayload()),
	}
	if err := l.Validate(); err != nil {
		return protocol.Limits{}, malformed("%v", err)
	}
	return l, nil
}
