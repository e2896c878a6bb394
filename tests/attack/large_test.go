package attack

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// largeHeaders opens calls whose headers are beyond what a server takes: many, or one
// that is long, or a table that is to be kept.
func largeHeaders(h *hand) string {
	return h.flood(20, func(l *line, i int) error {
		var more []hpack.HeaderField
		for n := range 1 + h.rand.IntN(100) {
			more = append(more, hpack.HeaderField{Name: fmt.Sprintf("x-%d-%d", i, n), Value: strings.Repeat("v", h.rand.IntN(2000))})
		}
		block := l.headers(h.somePath(), more...)
		first, rest := block[:min(len(block), 16<<10)], block[min(len(block), 16<<10):]
		l.stream += 2
		if err := l.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: l.stream - 1, BlockFragment: first, EndHeaders: len(rest) == 0}); err != nil {
			return err
		}
		for len(rest) > 0 {
			n := min(len(rest), 16<<10)
			if err := l.framer.WriteContinuation(l.stream-1, n == len(rest), rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
		return nil
	})
}

// unknown is a message of so many bytes with nothing but a field that nobody knows.
func unknown(size int) []byte {
	const head = 6
	b := protowire.AppendTag(make([]byte, 0, size), 1000, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size-head))
	return b[:size]
}

// largeMessages sends messages around the limit of their size to any method.
func largeMessages(h *hand) string {
	all := methods()
	m := all[h.rand.IntN(len(all))]
	size := []int{4 << 20, 16 << 20, rpc.MaxMessageBytes - 100, rpc.MaxMessageBytes + 1}[h.rand.IntN(4)]
	return h.call(h.face(), m, [][]byte{unknown(size)})
}

// beyondLimits submits blocks that are beyond a limit, which must be refused.
func beyondLimits(h *hand) string {
	limits := protocol.DefaultLimits()
	transaction := func(key, payload int) *wirepb.Transaction {
		return &wirepb.Transaction{Payload: make([]byte, payload), Access: []*wirepb.Access{{Key: make([]byte, key), Mode: wirepb.AccessMode_ACCESS_MODE_WRITE}}}
	}
	request := &wirepb.SubmitBlockRequest{Key: fmt.Sprintf("beyond/%d", h.rand.Uint64())}
	list := &wirepb.TransactionList{}
	request.Content = &wirepb.SubmitBlockRequest_Transactions{Transactions: list}
	switch h.rand.IntN(5) {
	case 0:
		list.Transactions = append(list.Transactions, transaction(limits.KeyBytes+1, 0))
	case 1:
		t := transaction(1, 0)
		for i := range limits.TransactionKeys {
			t.Access = append(t.Access, &wirepb.Access{Key: binary.BigEndian.AppendUint32(nil, uint32(i)), Mode: wirepb.AccessMode_ACCESS_MODE_READ})
		}
		list.Transactions = append(list.Transactions, t)
	case 2:
		t := transaction(1, 0)
		for range 1_000_001 {
			list.Transactions = append(list.Transactions, t)
		}
	case 3:
		list.Transactions = append(list.Transactions, transaction(1, limits.BlockBytes+1))
	default:
		request.Key = strings.Repeat("k", protocol.MaxBlockKeyBytes+1)
		list.Transactions = append(list.Transactions, transaction(1, 1))
	}
	b, err := proto.Marshal(request)
	if err != nil {
		h.accuse(err)
		return "failed"
	}
	ended := h.call(h.insider(), method{"lockstep.v1.CoordinatorService", "SubmitBlock", nil}, [][]byte{b})
	if ended == codes.OK.String() {
		h.accuse(fmt.Errorf("a block beyond the limits was taken: key %.50q", request.Key))
	}
	return ended
}

// neverSent announces large messages, sends a byte of each, and waits.
func neverSent(h *hand) string {
	l, ended := h.line()
	if l == nil {
		return ended
	}
	path := h.somePath()
	_ = l.write(func() error { // end tells how it went
		for range 100 {
			if err := l.open(l.headers(path)); err != nil {
				return err
			}
			size := []uint32{1 << 20, rpc.MaxMessageBytes, 1<<32 - 1}[h.rand.IntN(3)]
			if err := l.framer.WriteData(l.stream-1, false, append(binary.BigEndian.AppendUint32([]byte{0}, size), 1)); err != nil {
				return err
			}
		}
		return nil
	})
	return l.end(10 * time.Second)
}
