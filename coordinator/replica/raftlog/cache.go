package raftlog

import "github.com/hashicorp/raft"

// rowCost is what an entry in the cache costs beside its data, in bytes.
const rowCost = 128

// cache holds the newest entries, as many as fit.
type cache struct {
	limit int64 // bytes
	bytes int64
	first uint64 // index of logs[0]
	logs  []raft.Log
}

func cacheCost(e *raft.Log) int64 { return rowCost + int64(len(e.Data)+len(e.Extensions)) }

func (c *cache) holds(index uint64) bool {
	return index >= c.first && index-c.first < uint64(len(c.logs))
}

// put adds the newest entry. Those at its index and above are forgotten, and
// the oldest ones if there is no room for all.
func (c *cache) put(e *raft.Log) {
	c.cut(e.Index)
	if len(c.logs) == 0 || c.first+uint64(len(c.logs)) != e.Index {
		c.clear()
		c.first = e.Index
	}
	c.logs = append(c.logs, *e)
	c.bytes += cacheCost(e)
	for c.bytes > c.limit {
		c.drop(c.first + 1)
	}
}

// cut forgets the entries from index on.
func (c *cache) cut(index uint64) {
	if index < c.first {
		c.clear()
		return
	}
	if c.holds(index) {
		n := index - c.first
		c.forget(c.logs[n:])
		c.logs = c.logs[:n]
	}
}

// drop forgets the entries below keep.
func (c *cache) drop(keep uint64) {
	if keep <= c.first {
		return
	}
	n := min(keep-c.first, uint64(len(c.logs)))
	c.forget(c.logs[:n])
	c.logs, c.first = c.logs[n:], c.first+n
}

func (c *cache) clear() {
	c.forget(c.logs)
	c.logs = nil
}

// forget lets go of the data of some entries.
func (c *cache) forget(logs []raft.Log) {
	for i := range logs {
		c.bytes -= cacheCost(&logs[i])
	}
	clear(logs)
}
