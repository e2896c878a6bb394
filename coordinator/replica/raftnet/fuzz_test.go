package raftnet

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzAppend feeds frames, each behind its length of two bytes, to the assembler
// as a stream would. Whatever it takes must be what raft relies on, and must come
// out the same after being cut and assembled again.
func FuzzAppend(ff *testing.F) {
	f := fuzz.New(ff)
	o := testOptions()
	add := func(frames ...*wirepb.AppendEntriesRequest) {
		var b []byte
		for _, frame := range frames {
			m, err := proto.Marshal(frame)
			if err != nil {
				f.Fatal(err)
			}
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(m))), m...)
		}
		f.Add(b)
	}
	head := func(entries, bytes uint64) *wirepb.AppendEntriesRequest {
		return &wirepb.AppendEntriesRequest{Frame: &wirepb.AppendEntriesRequest_Head{Head: &wirepb.AppendHead{
			Term: 4, PreviousIndex: 10, PreviousTerm: 2, CommitIndex: 20, Entries: entries, Bytes: bytes, ProtocolVersion: 3,
		}}}
	}
	members := string(raft.EncodeConfiguration(raft.Configuration{Servers: []raft.Server{{ID: "c1", Address: "a:1"}}}))
	add(head(0, 0))
	add(head(1, 67), run(f, entry(11, 3, raft.LogCommand, 3, "abc")))
	add(head(1, 67), run(f, entry(11, 3, raft.LogCommand, 3, "")), more("a"), more("bc"))
	add(head(2, 200), run(f, entry(11, 3, raft.LogNoop, 0, ""), entry(12, 4, raft.LogConfiguration, uint64(len(members)), members)))
	add(head(2, 128), run(f, entry(11, 3, raft.LogNoop, 0, "")), run(f, entry(12, 3, raft.LogBarrier, 0, "")))
	add(head(1, 65), run(f, entry(11, 3, raft.LogConfiguration, 1, "\xff")))
	f.Bound(1<<11, 1<<18)
	f.Fuzz(func(t testing.TB, b []byte) {
		request, err := feed(o, b)
		if err != nil {
			if !errors.Is(err, errMalformed) {
				t.Fatalf("the error is not about the message: %v", err)
			}
			return
		}
		if request == nil {
			return
		}
		checkRequest(t, o, request)
		checkRoundTrip(t, o, request)
	})
}

// feed gives the first request in b, or nil if it is not complete.
func feed(o Options, b []byte) (*raft.AppendEntriesRequest, error) {
	var a *assembler
	for len(b) >= 2 {
		n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
		var frame wirepb.AppendEntriesRequest
		if proto.Unmarshal(b[2:2+n], &frame) != nil {
			return nil, nil // gRPC ends the stream
		}
		b = b[2+n:]
		var err error
		if a == nil {
			a, err = o.assemble(member{Identity: Identity{Name: "c1"}, address: "a:1"}, frame.GetHead())
		} else {
			err = a.add(&frame)
		}
		if err != nil {
			return nil, err
		}
		if request, complete := a.complete(); complete {
			return request, nil
		}
	}
	return nil, nil
}

func checkRequest(t testing.TB, o Options, a *raft.AppendEntriesRequest) {
	t.Helper()
	index, term := a.PrevLogEntry, a.PrevLogTerm
	for _, e := range a.Entries {
		if e.Index != index+1 || e.Term < term || e.Term == 0 || e.Term > a.Term {
			t.Fatalf("entry %d of term %d follows on %d of %d from the leader of %d", e.Index, e.Term, index, term, a.Term)
		}
		if e.Type == raft.LogConfiguration {
			raft.DecodeConfiguration(e.Data) // panics if it cannot
		}
		index, term = e.Index, e.Term
	}
	if a.LeaderCommitIndex > index {
		t.Fatalf("commits up to %d, but proves only %d", a.LeaderCommitIndex, index)
	}
	if n := costs(a.Entries); n > o.MaxRequestBytes {
		t.Fatalf("a request of %d bytes", n)
	}
}

func checkRoundTrip(t testing.TB, o Options, a *raft.AppendEntriesRequest) {
	t.Helper()
	for _, e := range a.Entries {
		if len(e.Extensions) > maxExtensions {
			return // no coordinator sends it
		}
	}
	var b *assembler
	err := o.frames(a, func(frame *wirepb.AppendEntriesRequest) (err error) {
		if n := proto.Size(frame); n > o.FrameBytes {
			t.Fatalf("a frame of %d bytes", n)
		}
		if b == nil {
			b, err = o.assemble(member{Identity: Identity{Name: "c1"}, address: "a:1"}, frame.GetHead())
			return err
		}
		return b.add(frame)
	})
	if err != nil {
		t.Fatalf("what was taken is refused: %v", err)
	}
	again, complete := b.complete()
	if !complete || !proto.Equal(headOf(a), headOf(again)) {
		t.Fatalf("got %+v, want %+v", headOf(again), headOf(a))
	}
	for i, e := range again.Entries {
		if !proto.Equal(entryOf(e, e.Data), entryOf(a.Entries[i], a.Entries[i].Data)) {
			t.Fatalf("got %+v, want %+v", e, a.Entries[i])
		}
	}
}
