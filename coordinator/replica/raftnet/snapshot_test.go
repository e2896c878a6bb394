package raftnet_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftnet"
)

func snapshotOf(size int64) *raft.InstallSnapshotRequest {
	return &raft.InstallSnapshotRequest{
		RPCHeader:       raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax},
		SnapshotVersion: raft.SnapshotVersionMax,
		Term:            4, LastLogIndex: 9, LastLogTerm: 3,
		Configuration:      raft.EncodeConfiguration(raft.Configuration{Servers: []raft.Server{{ID: "c1", Address: "a:1"}}}),
		ConfigurationIndex: 1,
		Size:               size,
	}
}

// needed makes an answer for those who have to be told the snapshot: raft is asked
// first whether the log holds its last entry.
func needed(install func(raft.RPC) (any, error)) func(raft.RPC) (any, error) {
	return func(r raft.RPC) (any, error) {
		if a, ok := r.Command.(*raft.AppendEntriesRequest); ok {
			return &raft.AppendEntriesResponse{Term: a.Term, LastLog: 5}, nil
		}
		return install(r)
	}
}

func installed(r raft.RPC) (any, error) {
	_, err := io.Copy(io.Discard, r.Reader)
	return &raft.InstallSnapshotResponse{Term: 4, Success: err == nil}, err
}

func TestSnapshot(t *testing.T) {
	for _, size := range []int{0, 1, 1 << 20, 5<<20 + 3} {
		from, to := startHost(t, "c1"), startHost(t, "c2")
		data := bytes.Repeat([]byte("snapshot"), size/8+1)[:size]
		var request *raft.InstallSnapshotRequest
		var got []byte
		to.answer(t, needed(func(r raft.RPC) (any, error) {
			request = r.Command.(*raft.InstallSnapshotRequest)
			var err error
			got, err = io.ReadAll(r.Reader)
			return &raft.InstallSnapshotResponse{Term: 4, Success: true}, err
		}))
		sent := snapshotOf(int64(size))
		sent.RPCHeader = header("c1", from.address)
		var resp raft.InstallSnapshotResponse
		if err := from.InstallSnapshot("c2", to.address, sent, &resp, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, data) || !reflect.DeepEqual(request, sent) {
			t.Errorf("%d bytes came as %d of %+v", size, len(got), request)
		}
		if want := (raft.InstallSnapshotResponse{RPCHeader: header("c2", to.address), Term: 4, Success: true}); !reflect.DeepEqual(resp, want) {
			t.Errorf("got %+v, want %+v", resp, want)
		}
	}
}

// However the sender fails, raft on the other side reads an error and no end,
// so that it installs nothing.
func TestSnapshotOfWrongLength(t *testing.T) {
	for name, test := range map[string]struct {
		data io.Reader
		want string
	}{
		"too short": {bytes.NewReader(make([]byte, 4<<20-1)), "4194303 of 4194304 bytes"},
		"too long":  {bytes.NewReader(make([]byte, 4<<20+1)), "more than 4194304 bytes"},
		"unreadable": {io.MultiReader(bytes.NewReader(make([]byte, 2<<20)), failing{}),
			"read the snapshot: 2097152 of 4194304 bytes: bad sector"},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := startHost(t, "c1"), startHost(t, "c2")
			outcome := make(chan error, 1)
			begun := make(chan struct{})
			to.answer(t, needed(func(r raft.RPC) (any, error) {
				close(begun)
				answer, err := installed(r)
				outcome <- err
				return answer, err
			}))
			err := from.InstallSnapshot("c2", to.address, snapshotOf(4<<20), &raft.InstallSnapshotResponse{}, gated{test.data, begun})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if err := await(t, outcome, "raft"); err == nil {
				t.Error("raft saw the end of the snapshot")
			}
		})
	}
}

// gated gives nothing before raft has begun to read.
type gated struct {
	io.Reader
	begun <-chan struct{}
}

func (g gated) Read(b []byte) (int, error) {
	select {
	case <-g.begun:
		return g.Reader.Read(b)
	case <-time.After(20 * time.Second):
		return 0, errors.New("raft was not asked")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("bad sector") }

// Raft may take longer than any timeout to install a snapshot; meanwhile the
// other side says that it lives.
func TestSnapshotTakesLong(t *testing.T) {
	short := func(o *raftnet.Options) { o.Timeout = 500 * time.Millisecond }
	from, to := startHost(t, "c1", short), startHost(t, "c2", short)
	to.answer(t, needed(func(r raft.RPC) (any, error) {
		answer, err := installed(r)
		<-time.After(1500 * time.Millisecond)
		return answer, err
	}))
	if err := from.InstallSnapshot("c2", to.address, snapshotOf(3), &raft.InstallSnapshotResponse{}, strings.NewReader("abc")); err != nil {
		t.Fatal(err)
	}
}

// What the log holds is not installed again: behind it may stand what was
// acknowledged. A leader of an old term is told so.
func TestSnapshotThatIsNotNeeded(t *testing.T) {
	for name, answer := range map[string]raft.AppendEntriesResponse{
		"there":    {Term: 4, LastLog: 12, Success: true},
		"old term": {Term: 5, LastLog: 5},
	} {
		from, to := startHost(t, "c1"), startHost(t, "c2")
		to.answer(t, func(r raft.RPC) (any, error) {
			a, ok := r.Command.(*raft.AppendEntriesRequest)
			if !ok || a.Term != 4 || a.PrevLogEntry != 9 || a.PrevLogTerm != 3 || len(a.Entries) != 0 || a.LeaderCommitIndex != 0 {
				t.Errorf("%s: raft was asked %+v", name, r.Command)
			}
			return &answer, nil
		})
		var resp raft.InstallSnapshotResponse
		data := &slow{more: make(chan struct{})}
		close(data.more)
		if err := from.InstallSnapshot("c2", to.address, snapshotOf(64<<20), &resp, io.LimitReader(data, 64<<20)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if resp.Term != answer.Term || resp.Success != answer.Success {
			t.Errorf("%s: got %+v", name, resp)
		}
	}
}

// slow gives a byte, and the rest when it is told to.
type slow struct {
	begun bool
	more  chan struct{}
}

func (s *slow) Read(b []byte) (int, error) {
	if s.begun {
		select {
		case <-s.more:
		case <-time.After(20 * time.Second):
			return 0, errors.New("nobody asked for more")
		}
	}
	s.begun = true
	return len(b), nil
}

// Raft must not wait for ever for a leader that sends no more.
func TestSnapshotStalls(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2", func(o *raftnet.Options) { o.Stall = 100 * time.Millisecond })
	data := &slow{more: make(chan struct{})}
	to.answer(t, needed(func(r raft.RPC) (any, error) {
		defer close(data.more)
		return installed(r)
	}))
	err := from.InstallSnapshot("c2", to.address, snapshotOf(4<<20), &raft.InstallSnapshotResponse{}, io.LimitReader(data, 4<<20))
	if err == nil || !strings.Contains(err.Error(), "the rest of the request did not come within 100ms") {
		t.Fatalf("got %v", err)
	}
}

func TestSnapshotEndsWithTheReceiver(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2")
	outcome := make(chan error, 1)
	begun := make(chan struct{})
	data := &slow{more: make(chan struct{})}
	to.answer(t, needed(func(r raft.RPC) (any, error) {
		close(begun)
		answer, err := installed(r)
		outcome <- err
		return answer, err
	}))
	go func() {
		<-begun
		to.Close()
		close(data.more)
	}()
	if err := from.InstallSnapshot("c2", to.address, snapshotOf(4<<20), &raft.InstallSnapshotResponse{}, io.LimitReader(data, 4<<20)); err == nil {
		t.Error("the sender did not notice")
	}
	if err := await(t, outcome, "raft"); err == nil {
		t.Error("raft saw the end of the snapshot")
	}
}
