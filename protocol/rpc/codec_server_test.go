package rpc

import (
	"bytes"
	"testing"

	protobuf "google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// A block of as many transactions as a cluster takes, with as many keys as fit, is far
// enough from the bound on parts.
func TestTheLargestBlockIsDecoded(t *testing.T) {
	const sample, keys = 1000, 3
	limits, block := protocol.DefaultLimits(), &wirepb.TransactionList{}
	for range sample {
		tx := &wirepb.Transaction{Payload: []byte("payload")}
		for range keys {
			tx.Access = append(tx.Access, &wirepb.Access{Key: bytes.Repeat([]byte("k"), 14), Mode: wirepb.AccessMode_ACCESS_MODE_READ_WRITE})
		}
		block.Transactions = append(block.Transactions, tx)
	}
	request := &wirepb.SubmitBlockRequest{Content: &wirepb.SubmitBlockRequest_Transactions{Transactions: block}}
	b, err := protobuf.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	times := int64(limits.BlockTransactions / sample)
	if int64(len(b))*times < int64(limits.BlockBytes) {
		t.Errorf("a block like this has %d bytes, and could have larger keys", int64(len(b))*times)
	}
	takes := shapeOf(request.ProtoReflect().Type()).takes(b, mostDecoded)
	if takes < sample*(1+keys)*partBytes {
		t.Errorf("%d bytes are too few for its parts", takes)
	}
	if takes*times > mostDecoded || takes > mostTimes*int64(len(b)) {
		t.Errorf("it would be refused: %d bytes, %d are allowed", takes*times, mostDecoded)
	}
}
