package raftnet

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// chunkBytes is how much of a snapshot goes into one frame, if it may.
const chunkBytes = 1 << 20

// sentSnapshot is a snapshot on its way to a peer.
type sentSnapshot struct {
	*call
	by     member
	stream wirepb.ReplicationService_InstallSnapshotClient
	end    chan struct{} // closed when no answer can come any more
	reply  *wirepb.SnapshotReply
	err    error
}

// InstallSnapshot implements raft.Transport. It reads exactly args.Size bytes,
// which must be all that there are, and returns when they are installed.
func (t *Transport) InstallSnapshot(id raft.ServerID, target raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	c, err := t.begin(id, target)
	if err != nil {
		return err
	}
	defer c.cancel(nil)
	s := &sentSnapshot{call: c, end: make(chan struct{})}
	heard := c.listen()
	defer heard.over()
	if err := s.open(); err != nil {
		return c.failed("install a snapshot on", err)
	}
	if !t.goFunc(func() { s.receive(heard) }) {
		return raft.ErrTransportShutdown
	}
	if err := s.send(args, data); err != nil {
		s.abort(err)
	}
	<-s.end
	if s.err != nil {
		return c.failed("install a snapshot on", s.err)
	}
	if s.reply.Success {
		t.peers.acknowledged(id, args.LastLogIndex)
	}
	*resp = raft.InstallSnapshotResponse{RPCHeader: s.by.header(args.ProtocolVersion), Term: s.reply.Term, Success: s.reply.Success}
	return remote(id, s.reply.Error)
}

// open returns when the target has accepted the stream.
func (s *sentSnapshot) open() error {
	var err error
	if s.stream, err = s.to.InstallSnapshot(s.ctx); err != nil {
		return err
	}
	// If it cannot be sent, Recv tells why.
	_ = s.stream.Send(&wirepb.InstallSnapshotRequest{Frame: &wirepb.InstallSnapshotRequest_Open{Open: s.opening()}})
	m, err := s.stream.Recv()
	if err != nil {
		return err
	}
	s.by, err = s.t.answered(s.peer, m.GetAccepted())
	return err
}

// abort ends the call, unless the target has: its reason came first.
func (s *sentSnapshot) abort(why error) {
	select {
	case <-s.end:
	default:
		s.cancel(why)
	}
}

// receive waits for the answer.
func (s *sentSnapshot) receive(heard silence) {
	defer close(s.end)
	for s.reply == nil && s.err == nil {
		m, err := s.stream.Recv()
		if err != nil {
			s.err = err
			return
		}
		heard.heard()
		s.reply = m.GetReply()
	}
}

// send sends everything. That the target has ended the stream is no error here:
// its answer tells why.
func (s *sentSnapshot) send(args *raft.InstallSnapshotRequest, data io.Reader) error {
	err := s.sendFrames(args, data)
	if err == nil {
		err = s.stream.CloseSend()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *sentSnapshot) sendFrames(args *raft.InstallSnapshotRequest, data io.Reader) error {
	if err := s.stream.Send(&wirepb.InstallSnapshotRequest{Frame: &wirepb.InstallSnapshotRequest_Head{Head: snapshotHead(args)}}); err != nil {
		return err
	}
	buf := make([]byte, min(chunkBytes, s.t.options.FrameBytes-entryOverhead))
	for rest := args.Size; rest > 0; {
		chunk := buf[:min(rest, int64(len(buf)))]
		if n, err := io.ReadFull(data, chunk); err != nil {
			return fmt.Errorf("read the snapshot: %d of %d bytes: %v", args.Size-rest+int64(n), args.Size, err) //nolint:errorlint // send would take io.EOF for the end of the stream
		}
		rest -= int64(len(chunk))
		if rest == 0 && hasMore(data) {
			return fmt.Errorf("read the snapshot: it has more than %d bytes", args.Size)
		}
		if err := s.stream.Send(&wirepb.InstallSnapshotRequest{Frame: &wirepb.InstallSnapshotRequest_Data{Data: chunk}}); err != nil {
			return err
		}
	}
	return nil
}

func hasMore(data io.Reader) bool {
	n, _ := io.ReadFull(data, make([]byte, 1))
	return n > 0
}

func snapshotHead(a *raft.InstallSnapshotRequest) *wirepb.SnapshotHead {
	return &wirepb.SnapshotHead{
		ProtocolVersion:    uint32(a.ProtocolVersion),
		Term:               a.Term,
		Version:            uint32(a.SnapshotVersion),
		LastIndex:          a.LastLogIndex,
		LastTerm:           a.LastLogTerm,
		Configuration:      a.Configuration,
		ConfigurationIndex: a.ConfigurationIndex,
		Size:               uint64(a.Size),
	}
}

// snapshotRequest checks all of a head that raft takes for granted.
func snapshotRequest(from member, h *wirepb.SnapshotHead) (*raft.InstallSnapshotRequest, error) {
	switch {
	case h.GetTerm() == 0:
		return nil, malformed("a snapshot from a leader without a term")
	case h.LastIndex == 0 || h.LastTerm == 0 || h.LastTerm > h.Term:
		return nil, malformed("a snapshot up to entry %d of term %d from the leader of term %d", h.LastIndex, h.LastTerm, h.Term)
	case h.ConfigurationIndex > h.LastIndex:
		return nil, malformed("a snapshot up to entry %d has the members as of entry %d", h.LastIndex, h.ConfigurationIndex)
	case h.Version == 0:
		return nil, malformed("a snapshot of version 0")
	case h.Size > math.MaxInt64:
		return nil, malformed("a snapshot of %d bytes", h.Size)
	}
	if err := checkConfiguration(h.Configuration); err != nil {
		return nil, err
	}
	return &raft.InstallSnapshotRequest{
		RPCHeader:          from.header(raft.ProtocolVersion(h.ProtocolVersion)),
		SnapshotVersion:    raft.SnapshotVersion(h.Version),
		Term:               h.Term,
		LastLogIndex:       h.LastIndex,
		LastLogTerm:        h.LastTerm,
		Configuration:      h.Configuration,
		ConfigurationIndex: h.ConfigurationIndex,
		Size:               int64(h.Size),
	}, nil
}
