package raftnet

import (
	"context"
	"errors"
	"io"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

type snapshotStream = grpc.BidiStreamingServer[wirepb.InstallSnapshotRequest, wirepb.InstallSnapshotResponse]

// errAborted is what raft reads when the call that brings a snapshot has ended.
var errAborted = errors.New("the transfer of the snapshot was aborted")

// installation takes one snapshot.
type installation struct {
	*incoming
	stream snapshotStream
}

// InstallSnapshot implements wirepb.ReplicationServiceServer.
func (s *service) InstallSnapshot(stream snapshotStream) error {
	opening, err := first(s.t, stream.Recv)
	if err != nil {
		return toStatus(err)
	}
	in, err := s.t.accept(stream.Context(), opening.GetOpen())
	if err != nil {
		return toStatus(err)
	}
	i := &installation{incoming: in, stream: stream}
	err = i.run()
	in.over(err)
	return toStatus(err)
}

func (i *installation) run() error {
	if err := i.stream.Send(&wirepb.InstallSnapshotResponse{Response: &wirepb.InstallSnapshotResponse_Accepted{Accepted: i.t.self()}}); err != nil {
		return err
	}
	m, err := within(i.incoming, i.stream.Recv)
	if err != nil {
		return err
	}
	request, err := snapshotRequest(i.from, m.GetHead())
	if err != nil {
		return err
	}
	answer, err := i.probe(request)
	if err == nil && answer == nil {
		answer, err = i.install(request)
	}
	if err != nil {
		return err
	}
	return i.stream.Send(&wirepb.InstallSnapshotResponse{Response: &wirepb.InstallSnapshotResponse_Reply{Reply: answer}})
}

// probe asks raft whether the log holds the last entry of a snapshot already, and
// so all that is in it: then raft would remove what stands behind that entry, though
// it was acknowledged. That comes about when a leader lost sight of this member, and
// when the snapshot was under way for long. It gives the answer to the leader; nil if
// the snapshot is needed.
func (i *installation) probe(request *raft.InstallSnapshotRequest) (*wirepb.SnapshotReply, error) {
	answer, err := i.t.ask(i.ctx, raft.RPC{Command: &raft.AppendEntriesRequest{
		RPCHeader:    request.RPCHeader,
		Term:         request.Term,
		PrevLogEntry: request.LastLogIndex,
		PrevLogTerm:  request.LastLogTerm,
	}}, i.beat.C, i.working)
	if err != nil {
		return nil, err
	}
	r, ok := answer.Response.(*raft.AppendEntriesResponse)
	if answer.Error != nil || !ok || !r.Success && r.Term <= request.Term {
		return nil, nil
	}
	return &wirepb.SnapshotReply{Term: r.Term, Success: r.Success}, nil
}

// install lets raft read the snapshot as it comes in. Raft is never left waiting
// for the network: when the call ends, so does what it reads.
func (i *installation) install(request *raft.InstallSnapshotRequest) (*wirepb.SnapshotReply, error) {
	reader, writer := io.Pipe()
	defer writer.CloseWithError(errAborted)
	// It ends with the stream, which ends when InstallSnapshot returns.
	go i.receive(writer, request.Size)
	answer, err := i.t.ask(i.ctx, raft.RPC{Command: request, Reader: reader}, i.beat.C, i.working)
	if err == nil {
		err = context.Cause(i.ctx)
	}
	if err != nil {
		return nil, err
	}
	reply := &wirepb.SnapshotReply{Error: textOf(answer.Error)}
	if r, ok := answer.Response.(*raft.InstallSnapshotResponse); ok {
		reply.Term, reply.Success = r.Term, r.Success
	}
	return reply, nil
}

func (i *installation) working() error {
	return i.stream.Send(&wirepb.InstallSnapshotResponse{Response: &wirepb.InstallSnapshotResponse_Working{Working: &wirepb.ReplicationWorking{}}})
}

// receive writes exactly size bytes of the stream, or ends the call.
func (i *installation) receive(to *io.PipeWriter, size int64) {
	for size > 0 {
		data, err := i.chunk(size)
		if err == nil {
			_, err = to.Write(data)
		}
		if err != nil {
			i.cancel(err) // first, as the reason counts more than what raft makes of it
			to.CloseWithError(err)
			return
		}
		size -= int64(len(data))
	}
	to.Close()
}

// chunk gives the next bytes of the snapshot, of which so many are missing.
func (i *installation) chunk(missing int64) ([]byte, error) {
	m, err := within(i.incoming, i.stream.Recv)
	if err != nil {
		return nil, err
	}
	switch data := m.GetData(); {
	case len(data) == 0 || int64(len(data)) > missing:
		return nil, malformed("%d bytes of a snapshot of which %d are missing", len(data), missing)
	case len(data) > i.t.options.FrameBytes:
		return nil, malformed("a frame of %d bytes, at most %d are allowed", len(data), i.t.options.FrameBytes)
	default:
		return data, nil
	}
}
