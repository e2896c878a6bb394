package raftnet

import (
	"fmt"
	"math"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// assembler puts the entries of one request together again. It checks all that
// raft takes for granted.
type assembler struct {
	request *raft.AppendEntriesRequest
	frame   int    // most bytes of a frame
	entries uint64 // that have still to come
	bytes   uint64 // what they may take at most
	missing int    // bytes of data that the last entry lacks
}

// assemble begins a request. It takes no memory for what is only announced.
func (o Options) assemble(from member, h *wirepb.AppendHead) (*assembler, error) {
	switch {
	case h.GetTerm() == 0:
		return nil, malformed("an append has no term")
	case h.PreviousTerm > h.Term:
		return nil, malformed("entry %d is of term %d, but the leader of term %d", h.PreviousIndex, h.PreviousTerm, h.Term)
	case h.Bytes > uint64(o.MaxRequestBytes):
		return nil, malformed("entries of %d bytes in one request, at most %d are allowed", h.Bytes, o.MaxRequestBytes)
	case h.Entries > h.Bytes/entryOverhead:
		return nil, malformed("%d entries in %d bytes, each takes at least %d", h.Entries, h.Bytes, entryOverhead)
	case h.PreviousIndex > math.MaxUint64-h.Entries:
		return nil, malformed("%d entries after entry %d", h.Entries, h.PreviousIndex)
	}
	return &assembler{
		request: &raft.AppendEntriesRequest{
			RPCHeader:    from.header(raft.ProtocolVersion(h.ProtocolVersion)),
			Term:         h.Term,
			PrevLogEntry: h.PreviousIndex,
			PrevLogTerm:  h.PreviousTerm,
			// What stands behind the entries of this request may be of a deposed leader,
			// and raft would commit it.
			LeaderCommitIndex: min(h.CommitIndex, h.PreviousIndex+h.Entries),
		},
		frame:   o.FrameBytes,
		entries: h.Entries,
		bytes:   h.Bytes,
	}, nil
}

// complete gives the request when all of it is there.
func (a *assembler) complete() (*raft.AppendEntriesRequest, bool) {
	return a.request, a.entries == 0 && a.missing == 0
}

// add takes the next frame. The request keeps its data.
func (a *assembler) add(m *wirepb.AppendEntriesRequest) error {
	switch f := m.GetFrame().(type) {
	case *wirepb.AppendEntriesRequest_Entries:
		return a.addEntries(f.Entries)
	case *wirepb.AppendEntriesRequest_Data:
		return a.addData(f.Data)
	}
	return malformed("a %T in the middle of a request", m.GetFrame())
}

func (a *assembler) addEntries(b []byte) error {
	if len(b) > a.frame {
		return malformed("a frame of %d bytes, at most %d are allowed", len(b), a.frame)
	}
	if n := countFields(b, a.entries); n == 0 || n > a.entries {
		return malformed("a frame of %d entries or more, 1 to %d have still to come", n, a.entries)
	}
	var list wirepb.LogEntries
	if err := proto.Unmarshal(b, &list); err != nil {
		return malformed("a frame of entries that cannot be decoded: %v", err)
	}
	for _, e := range list.Entries {
		if a.missing > 0 {
			return malformed("%d bytes of data are missing in front of entry %d", a.missing, e.GetIndex())
		}
		if err := a.addEntry(e); err != nil {
			return err
		}
	}
	return nil
}

// countFields counts the fields of a message, up to one more than most. What
// cannot be counted it counts as one field, for proto.Unmarshal to refuse.
func countFields(b []byte, most uint64) (n uint64) {
	for len(b) > 0 && n <= most {
		n++
		_, _, size := protowire.ConsumeField(b)
		if size < 0 {
			return n
		}
		b = b[size:]
	}
	return n
}

func (a *assembler) addEntry(e *wirepb.LogEntry) error {
	if err := a.check(e); err != nil {
		return err
	}
	entry := &raft.Log{
		Index:      e.Index,
		Term:       e.Term,
		Type:       raft.LogType(e.Type), //nolint:G115 // check has found it among those allowed
		Data:       e.Data,
		Extensions: e.Extensions,
		AppendedAt: timeOf(e.AppendedAt),
	}
	a.entries--
	a.bytes -= e.Size + uint64(entryOverhead+len(e.Extensions))
	a.missing = int(e.Size) - len(e.Data) //nolint:G115 // check has compared it with what the request has left, at most MaxRequestBytes
	a.request.Entries = append(a.request.Entries, entry)
	return a.finished(entry)
}

func (a *assembler) check(e *wirepb.LogEntry) error {
	index, term := a.last()
	switch {
	case a.entries == 0:
		return malformed("entry %d was not announced", e.GetIndex())
	case e.GetIndex() != index+1:
		return malformed("entry %d follows on entry %d", e.GetIndex(), index)
	case e.Term < max(term, 1) || e.Term > a.request.Term:
		return malformed("entry %d of term %d follows on one of term %d from the leader of term %d", e.Index, e.Term, term, a.request.Term)
	case !allowed(e.Type):
		return malformed("entry %d is of the unknown type %d", e.Index, e.Type)
	case len(e.Data) != 0 && uint64(len(e.Data)) != e.Size:
		return malformed("entry %d comes with %d bytes of data, but announces %d", e.Index, len(e.Data), e.Size)
	case e.Size > a.bytes || e.Size+uint64(entryOverhead+len(e.Extensions)) > a.bytes:
		return malformed("entry %d has %d bytes, but the request only %d more", e.Index, e.Size, a.bytes)
	}
	return nil
}

// last gives index and term of the entry before the next one.
func (a *assembler) last() (index, term uint64) {
	if n := len(a.request.Entries); n > 0 {
		e := a.request.Entries[n-1]
		return e.Index, e.Term
	}
	return a.request.PrevLogEntry, a.request.PrevLogTerm
}

// allowed leaves out the types of old versions of raft.
func allowed(entry uint32) bool {
	switch entry {
	case uint32(raft.LogCommand), uint32(raft.LogNoop), uint32(raft.LogBarrier), uint32(raft.LogConfiguration):
		return true
	}
	return false
}

func (a *assembler) addData(data []byte) error {
	switch {
	case len(data) == 0 || len(data) > a.missing:
		return malformed("%d more bytes of an entry that lacks %d", len(data), a.missing)
	case len(data) > a.frame:
		return malformed("a frame of %d bytes, at most %d are allowed", len(data), a.frame)
	}
	entry := a.request.Entries[len(a.request.Entries)-1]
	switch {
	case len(entry.Data) > 0:
		entry.Data = append(entry.Data, data...)
	case len(data) == a.missing:
		entry.Data = data
	default:
		entry.Data = append(make([]byte, 0, a.missing), data...)
	}
	a.missing -= len(data)
	return a.finished(entry)
}

// finished checks an entry whose data is there.
func (a *assembler) finished(e *raft.Log) error {
	if a.missing > 0 || e.Type != raft.LogConfiguration {
		return nil
	}
	if err := checkConfiguration(e.Data); err != nil {
		return fmt.Errorf("entry %d: %w", e.Index, err)
	}
	return nil
}

// maxConfigurationBytes bounds a list of members.
const maxConfigurationBytes = 64 << 10

// checkConfiguration refuses what raft would panic on.
func checkConfiguration(b []byte) (err error) {
	if len(b) > maxConfigurationBytes {
		return malformed("a configuration of %d bytes, at most %d are allowed", len(b), maxConfigurationBytes)
	}
	defer func() {
		if recover() != nil {
			err = malformed("a configuration that cannot be decoded")
		}
	}()
	raft.DecodeConfiguration(b)
	return nil
}
