package coordinator

import (
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Prepare checks a block as a client submits it, and cuts it into the parts of
// the shards. body is the canonical encoding of its transactions, and stays in
// use. An error refuses the block for good; nothing is changed.
func (c *Core) Prepare(key string, body []byte) (*protocol.Block, error) {
	ev, err := c.prepare(&wirepb.SubmitBlockRequest{Key: key, Content: &wirepb.SubmitBlockRequest_Body{Body: body}})
	return ev.Block, err
}

// prepare gives the block of a request, and what it comes after.
func (c *Core) prepare(in *wirepb.SubmitBlockRequest) (protocol.Submitted, error) {
	s, err := wire.ParseSubmission(in, c.config.Limits)
	if err != nil {
		return protocol.Submitted{}, err
	}
	if strings.HasPrefix(s.Key, streamKeys) {
		return protocol.Submitted{}, status.Errorf(codes.InvalidArgument, "block keys that begin with %q are the coordinator's own: choose another", streamKeys)
	}
	return protocol.Submitted{Block: NewBlock(s.Key, s.Body, s.Transactions, c.config.Slots), After: s.After}, nil
}
