package raftnet

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func testOptions() Options {
	return Options{FrameBytes: leastFrame, BatchBytes: 1 << 20, MaxRequestBytes: 1 << 20}
}

func entry(index, term uint64, kind raft.LogType, size uint64, data string) *wirepb.LogEntry {
	return &wirepb.LogEntry{Index: index, Term: term, Type: uint32(kind), Size: size, Data: []byte(data)}
}

func run(t testing.TB, entries ...*wirepb.LogEntry) *wirepb.AppendEntriesRequest {
	t.Helper()
	b, err := proto.Marshal(&wirepb.LogEntries{Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	return &wirepb.AppendEntriesRequest{Frame: &wirepb.AppendEntriesRequest_Entries{Entries: b}}
}

func more(data string) *wirepb.AppendEntriesRequest {
	return &wirepb.AppendEntriesRequest{Frame: &wirepb.AppendEntriesRequest_Data{Data: []byte(data)}}
}

func TestHeadsThatNobodySends(t *testing.T) {
	for want, head := range map[string]*wirepb.AppendHead{
		"has no term":                       nil,
		"entry 3 is of term 5":              {Term: 4, PreviousIndex: 3, PreviousTerm: 5},
		"at most 1048576 are allowed":       {Term: 4, Bytes: 1<<20 + 1},
		"each takes at least 64":            {Term: 4, Entries: 2, Bytes: 127},
		"2 entries after entry 18446744073": {Term: 4, PreviousIndex: 1<<64 - 2, PreviousTerm: 4, Entries: 2, Bytes: 128},
	} {
		if _, err := testOptions().assemble(member{}, head); !errors.Is(err, errMalformed) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestEntriesThatNobodySends(t *testing.T) {
	const command, configuration = raft.LogCommand, raft.LogConfiguration
	large := make([]byte, leastFrame+1)
	for name, test := range map[string]struct {
		entries, bytes uint64
		frames         []*wirepb.AppendEntriesRequest
		want           string
	}{
		"none":                {1, 64, []*wirepb.AppendEntriesRequest{run(t)}, "a frame of 0 entries"},
		"too many":            {1, 200, []*wirepb.AppendEntriesRequest{run(t, entry(11, 3, command, 0, ""), entry(12, 3, command, 0, ""))}, "a frame of 2 entries or more"},
		"a gap":               {2, 200, []*wirepb.AppendEntriesRequest{run(t, entry(12, 3, command, 0, ""))}, "entry 12 follows on entry 10"},
		"twice":               {2, 200, []*wirepb.AppendEntriesRequest{run(t, entry(11, 3, command, 0, ""), entry(11, 3, command, 0, ""))}, "entry 11 follows on entry 11"},
		"a later term":        {1, 64, []*wirepb.AppendEntriesRequest{run(t, entry(11, 5, command, 0, ""))}, "from the leader of term 4"},
		"an earlier term":     {1, 64, []*wirepb.AppendEntriesRequest{run(t, entry(11, 1, command, 0, ""))}, "follows on one of term 2"},
		"an old type":         {1, 64, []*wirepb.AppendEntriesRequest{run(t, entry(11, 3, raft.LogRemovePeerDeprecated, 0, ""))}, "unknown type 3"},
		"a wrapped type":      {1, 64, []*wirepb.AppendEntriesRequest{run(t, entry(11, 3, 0, 0, ""), &wirepb.LogEntry{Type: 256})}, "a frame of 2"},
		"a new type":          {1, 64, []*wirepb.AppendEntriesRequest{run(t, &wirepb.LogEntry{Index: 11, Term: 3, Type: 256})}, "unknown type 256"},
		"part of the data":    {1, 70, []*wirepb.AppendEntriesRequest{run(t, entry(11, 3, command, 6, "abc"))}, "3 bytes of data, but announces 6"},
		"more than announced": {1, 66, []*wirepb.AppendEntriesRequest{run(t, entry(11, 3, command, 3, "abc"))}, "but the request only 66 more"},
		"a huge size":         {1, 66, []*wirepb.AppendEntriesRequest{run(t, entry(11, 3, command, 1<<64-1, ""))}, "but the request only 66 more"},
		"data is missing":     {2, 200, []*wirepb.AppendEntriesRequest{run(t, entry(11, 3, command, 3, ""), entry(12, 3, command, 0, ""))}, "3 bytes of data are missing in front of entry 12"},
		"too much data":       {1, 67, []*wirepb.AppendEntriesRequest{run(t, entry(11, 3, command, 3, "")), more("abcd")}, "4 more bytes of an entry that lacks 3"},
		"empty data":          {1, 67, []*wirepb.AppendEntriesRequest{run(t, entry(11, 3, command, 3, "")), more("")}, "0 more bytes"},
		"a large frame":       {1, 1 << 20, []*wirepb.AppendEntriesRequest{run(t, entry(11, 3, command, 1<<19, "")), more(string(large))}, "a frame of 131073 bytes"},
		"a large run":         {1, 1 << 20, []*wirepb.AppendEntriesRequest{run(t, entry(11, 3, command, uint64(len(large)), string(large)))}, "a frame of 131089 bytes"},
		"no entries":          {1, 64, []*wirepb.AppendEntriesRequest{{Frame: &wirepb.AppendEntriesRequest_Entries{Entries: []byte{0xff}}}}, "cannot be decoded"},
		"broken members":      {1, 67, []*wirepb.AppendEntriesRequest{run(t, entry(11, 3, configuration, 1, "\xff"))}, "a configuration that cannot be decoded"},
		"broken late members": {1, 67, []*wirepb.AppendEntriesRequest{run(t, entry(11, 3, configuration, 1, "")), more("\xff")}, "a configuration that cannot be decoded"},
	} {
		a, err := testOptions().assemble(member{}, &wirepb.AppendHead{Term: 4, PreviousIndex: 10, PreviousTerm: 2, Entries: test.entries, Bytes: test.bytes})
		for _, frame := range test.frames {
			if err == nil {
				err = a.add(frame)
			}
		}
		if !errors.Is(err, errMalformed) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func TestBatches(t *testing.T) {
	o := Options{BatchBytes: 2 * entryOverhead, MaxRequestBytes: 1 << 20}
	a := &raft.AppendEntriesRequest{Term: 4, PrevLogEntry: 10, PrevLogTerm: 2, LeaderCommitIndex: 9}
	for i, size := range []int{0, 0, 1, 500, 0, 0, 0} {
		a.Entries = append(a.Entries, &raft.Log{Index: uint64(11 + i), Term: 3, Data: make([]byte, size)})
	}
	batches, err := o.batches(a)
	if err != nil {
		t.Fatal(err)
	}
	var got [][2]uint64 // previous index, number of entries
	for _, b := range batches {
		got = append(got, [2]uint64{b.PrevLogEntry, uint64(len(b.Entries))})
		if b.Term != a.Term || b.LeaderCommitIndex != a.LeaderCommitIndex || (b.PrevLogTerm == 2) != (b.PrevLogEntry == 10) {
			t.Errorf("got %+v", b)
		}
	}
	if want := [][2]uint64{{10, 2}, {12, 1}, {13, 1}, {14, 2}, {16, 1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(a.Entries) != 7 || a.PrevLogEntry != 10 {
		t.Error("the request of raft was changed")
	}
}
