package clustertest

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// watchBlocks is after how many blocks a stream of Watch breaks.
const watchBlocks = 2

// Watch sends the blocks there are from a height on, but no more than two, and breaks
// the stream then.
func (s *Server) Watch(in *wirepb.WatchRequest, stream grpc.ServerStreamingServer[wirepb.WatchResponse]) error {
	if s.Leader != "" {
		return wire.NotLeader(s.Leader, "this one does not lead")
	}
	all := s.Blocks()
	from := min(max(int(in.GetFromHeight()), 1)-1, len(all))
	for _, b := range all[from:min(from+watchBlocks, len(all))] {
		if err := stream.Send(&wirepb.WatchResponse{Block: b}); err != nil {
			return err
		}
	}
	return status.Error(codes.Unavailable, "the stream broke")
}
