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
	return c.prepare(&wirepb.SubmitBlockRequest{Key: key, Content: &wirepb.SubmitBlockRequest_Body{Body: body}})
}

func (c *Core) prepare(in *wirepb.SubmitBlockRequest) (*protocol.Block, error) {
	s, err := wire.ParseSubmission(in, c.config.Limits)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(s.Key, streamKeys) {
		return nil, status.Errorf(codes.InvalidArgument, "block keys that begin with %q are the coordinator's own: choose another", streamKeys)
	}
	return NewBlock(s.Key, s.Body, s.Transactions, c.config.Slots), nil
}
