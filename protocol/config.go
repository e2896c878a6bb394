package protocol

import "slices"

// Config is the cluster's configuration record: made once, when the
// coordinator starts on an empty directory, and adopted by every shard with
// its first Welcome. It never changes afterwards.
type Config struct {
	Cluster ClusterID
	Slots   SlotTable
	Limits  Limits
}

// IsZero reports whether there is no configuration yet.
func (c Config) IsZero() bool { return c.Cluster.IsZero() }

// Shards is the number of shards of the cluster.
func (c Config) Shards() int { return c.Slots.Shards() }

// Equal compares everything.
func (c Config) Equal(d Config) bool {
	return c.Cluster == d.Cluster && c.Limits == d.Limits && slices.Equal(c.Slots.starts, d.Slots.starts)
}

// Encode gives the fixed encoding used in records and in the database.
func (c Config) Encode() []byte {
	var w encoder
	c.encode(&w)
	return w.buf
}

func (c Config) encode(w *encoder) {
	w.raw(c.Cluster[:])
	w.u16(uint16(len(c.Slots.starts))) //nolint:G115 // at most MaxShards
	for _, s := range c.Slots.starts {
		w.u16(s)
	}
	for _, v := range []int{c.Limits.KeyBytes, c.Limits.ValueBytes, c.Limits.TransactionKeys,
		c.Limits.BlockBytes, c.Limits.BlockTransactions, c.Limits.TransactionPayload} {
		w.u32(uint32(v))
	}
}

// DecodeConfig reads what Encode wrote.
func DecodeConfig(b []byte) (Config, error) {
	r := decoder{buf: b}
	c := decodeConfig(&r)
	return c, r.done("configuration")
}

func decodeConfig(r *decoder) (c Config) {
	c.Cluster = ClusterID(r.id())
	starts := make([]uint16, r.count(int(r.u16()), MaxShards, "shards"))
	for i := range starts {
		starts[i] = r.u16()
	}
	for _, v := range []*int{&c.Limits.KeyBytes, &c.Limits.ValueBytes, &c.Limits.TransactionKeys,
		&c.Limits.BlockBytes, &c.Limits.BlockTransactions, &c.Limits.TransactionPayload} {
		*v = int(r.u32())
	}
	if r.err != nil {
		return Config{}
	}
	slots, err := NewSlotTable(starts)
	if err != nil {
		r.fail("%v", err)
	}
	c.Slots = slots
	if c.IsZero() {
		r.fail("no cluster id")
	}
	if err := c.Limits.Validate(); err != nil {
		r.fail("%v", err)
	}
	return c
}
