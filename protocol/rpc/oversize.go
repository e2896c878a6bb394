package rpc

import (
	protobuf "google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// mostRead bounds the request of a read: 4096 keys of 1 KiB. mostSmall bounds what
	// holds neither keys, blocks nor parts of a log.
	mostRead  = 5 << 20
	mostSmall = 1 << 20
)

// most is what a server takes of one message.
type most struct {
	bytes int  // as it comes
	parts bool // whether it may hold more than few of them
}

// mostOf tells what is taken of a message, by what it is.
func mostOf(m protobuf.Message) most {
	switch m.(type) {
	case *wirepb.SubmitBlockRequest, *wirepb.SubmitTransactionsRequest,
		*wirepb.Frame, *wirepb.ExchangeRequest, *wirepb.AppendEntriesRequest, *wirepb.InstallSnapshotRequest:
		return most{MaxMessageBytes, true}
	case *wirepb.GetRequest, *wirepb.ShardServiceGetRequest:
		return most{bytes: mostRead}
	}
	return most{bytes: mostSmall}
}

// decoded bounds what a message of so many bytes may take in memory, by estimate.
func (m most) decoded(bytes int) int64 {
	if !m.parts {
		return fewParts
	}
	return min(mostDecoded, max(fewParts, mostTimes*int64(bytes)))
}
