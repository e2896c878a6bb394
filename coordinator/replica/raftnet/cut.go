package raftnet

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// cost is what an entry counts in AppendHead.bytes.
func cost(e *raft.Log) int { return entryOverhead + len(e.Extensions) + len(e.Data) }

func headOf(a *raft.AppendEntriesRequest) *wirepb.AppendHead {
	return &wirepb.AppendHead{
		ProtocolVersion: uint32(a.ProtocolVersion),
		Term:            a.Term,
		PreviousIndex:   a.PrevLogEntry,
		PreviousTerm:    a.PrevLogTerm,
		CommitIndex:     a.LeaderCommitIndex,
		Entries:         uint64(len(a.Entries)),
		Bytes:           uint64(costs(a.Entries)),
	}
}

func costs(entries []*raft.Log) (sum int) {
	for _, e := range entries {
		sum += cost(e)
	}
	return sum
}

// batches cuts a request into requests that follow on each other, none of more
// than BatchBytes unless it is a single entry. An entry that no coordinator
// takes is an error.
func (o Options) batches(a *raft.AppendEntriesRequest) ([]*raft.AppendEntriesRequest, error) {
	var list []*raft.AppendEntriesRequest
	rest := *a
	for {
		n, err := o.batch(rest.Entries)
		if err != nil {
			return nil, err
		}
		next := rest
		next.Entries = rest.Entries[:n]
		list = append(list, &next)
		if n == len(rest.Entries) {
			return list, nil
		}
		last := rest.Entries[n-1]
		rest.PrevLogEntry, rest.PrevLogTerm, rest.Entries = last.Index, last.Term, rest.Entries[n:]
	}
}

// batch gives how many of the entries go into the next request.
func (o Options) batch(entries []*raft.Log) (n int, err error) {
	sum := 0
	for _, e := range entries {
		size := cost(e)
		switch {
		case size > o.MaxRequestBytes:
			return 0, fmt.Errorf("entry %d has %d bytes, at most %d can be sent: raise Options.MaxRequestBytes on every coordinator", e.Index, size, o.MaxRequestBytes)
		case len(e.Extensions) > maxExtensions:
			return 0, fmt.Errorf("entry %d has extensions of %d bytes, at most %d can be sent", e.Index, len(e.Extensions), maxExtensions)
		case n > 0 && sum+size > o.BatchBytes:
			return n, nil
		}
		sum += size
		n++
	}
	return n, nil
}

// inlineBytes is how much data an entry may have to share a frame with others.
// More than that is worth being copied once less.
const inlineBytes = 16 << 10

// framer puts entries into frames of at most limit bytes.
type framer struct {
	limit int
	send  func(*wirepb.AppendEntriesRequest) error
	run   []*wirepb.LogEntry // that go into the next frame
	bytes int                // of the run
}

func (f *framer) add(e *raft.Log) error {
	inline := e.Data
	if len(inline) > inlineBytes {
		inline = nil
	}
	size := entryOverhead + len(e.Extensions) + len(inline)
	if f.bytes+size > f.limit {
		if err := f.flush(); err != nil {
			return err
		}
	}
	f.run = append(f.run, entryOf(e, inline))
	f.bytes += size
	if len(inline) == len(e.Data) {
		return nil
	}
	return f.addData(e.Data)
}

func (f *framer) addData(rest []byte) error {
	if err := f.flush(); err != nil {
		return err
	}
	for len(rest) > 0 {
		n := min(len(rest), f.limit)
		if err := f.send(&wirepb.AppendEntriesRequest{Frame: &wirepb.AppendEntriesRequest_Data{Data: rest[:n]}}); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// flush sends the entries that wait for company.
func (f *framer) flush() error {
	if len(f.run) == 0 {
		return nil
	}
	b, err := proto.Marshal(&wirepb.LogEntries{Entries: f.run})
	if err != nil {
		return fmt.Errorf("marshal %d entries: %w", len(f.run), err)
	}
	f.run, f.bytes = f.run[:0], 0
	return f.send(&wirepb.AppendEntriesRequest{Frame: &wirepb.AppendEntriesRequest_Entries{Entries: b}})
}

// frames cuts a request into frames, and calls send with each.
func (o Options) frames(a *raft.AppendEntriesRequest, send func(*wirepb.AppendEntriesRequest) error) error {
	if err := send(&wirepb.AppendEntriesRequest{Frame: &wirepb.AppendEntriesRequest_Head{Head: headOf(a)}}); err != nil {
		return err
	}
	f := &framer{limit: o.FrameBytes - entryOverhead, send: send}
	for _, e := range a.Entries {
		if err := f.add(e); err != nil {
			return err
		}
	}
	return f.flush()
}

func entryOf(e *raft.Log, inline []byte) *wirepb.LogEntry {
	return &wirepb.LogEntry{
		Index:      e.Index,
		Term:       e.Term,
		Type:       uint32(e.Type),
		AppendedAt: nanoseconds(e.AppendedAt),
		Extensions: e.Extensions,
		Size:       uint64(len(e.Data)),
		Data:       inline,
	}
}

// nanoseconds gives 0 for the zero time.
func nanoseconds(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixNano()
}

func timeOf(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds)
}
