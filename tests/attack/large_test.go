package attack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

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

// beyond are blocks that are beyond one limit each.
var beyond = sync.OnceValue(func() (all [][]byte) {
	limits := protocol.DefaultLimits()
	transaction := func(key, payload int) *wirepb.Transaction {
		return &wirepb.Transaction{Payload: make([]byte, payload), Access: []*wirepb.Access{{Key: make([]byte, key), Mode: wirepb.AccessMode_ACCESS_MODE_WRITE}}}
	}
	keys := transaction(1, 0)
	for i := range limits.TransactionKeys {
		keys.Access = append(keys.Access, &wirepb.Access{Key: binary.BigEndian.AppendUint32(nil, uint32(i)), Mode: wirepb.AccessMode_ACCESS_MODE_READ})
	}
	for key, list := range map[string][]*wirepb.Transaction{
		"beyond/key":          {transaction(limits.KeyBytes+1, 0)},
		"beyond/keys":         {keys},
		"beyond/transactions": slices.Repeat([]*wirepb.Transaction{transaction(1, 0)}, limits.BlockTransactions+1),
		"beyond/bytes":        {transaction(1, limits.BlockBytes+1)},
		strings.Repeat("k", protocol.MaxBlockKeyBytes+1): {transaction(1, 1)},
	} {
		b, err := proto.Marshal(&wirepb.SubmitBlockRequest{Key: key, Content: &wirepb.SubmitBlockRequest_Transactions{Transactions: &wirepb.TransactionList{Transactions: list}}})
		if err != nil {
			panic(err) // a mistake of this file
		}
		all = append(all, b)
	}
	return all
})

// beyondLimits submits blocks that are beyond a limit, which must be refused.
func beyondLimits(h *hand) string {
	all := beyond()
	ended := h.call(h.insider(), submitBlock, [][]byte{all[h.rand.IntN(len(all))]})
	if ended == codes.OK.String() {
		h.accuse(errors.New("a block beyond the limits was taken"))
	}
	return ended
}

// submitBlock is the method that takes most.
var submitBlock = method{service: "lockstep.v1.CoordinatorService", name: "SubmitBlock"}

// dense sends messages that are small and would be large once they are read: with
// millions of parts that are empty.
func dense(h *hand) string {
	f := h.face()
	for {
		m := h.someMethod(f)
		if b := densest(m.input, denseBytes, 3); b != nil {
			return h.call(f, m, [][]byte{b})
		}
	}
}

// denseBytes is how large such a message is.
const denseBytes = 4 << 20

// densest fills the first repeated field of a form, or of what is inside it down to a
// depth, with empty parts; nil if there is none.
func densest(form protoreflect.MessageDescriptor, size, depth int) []byte {
	for i := range form.Fields().Len() {
		field := form.Fields().Get(i)
		if field.IsList() && !field.IsPacked() {
			return bytes.Repeat(protowire.AppendVarint(protowire.AppendTag(nil, field.Number(), protowire.BytesType), 0), size/2)
		}
	}
	for i := range form.Fields().Len() {
		field := form.Fields().Get(i)
		if field.Message() == nil || field.IsList() || depth == 0 {
			continue
		}
		if inner := densest(field.Message(), size, depth-1); inner != nil {
			return protowire.AppendBytes(protowire.AppendTag(nil, field.Number(), protowire.BytesType), inner)
		}
	}
	return nil
}

// claimCompressed sends messages that say that they are compressed, which nobody here
// expands.
func claimCompressed(h *hand) string {
	return h.flood(100, func(l *line, _ int) error {
		if err := l.open(l.headers(h.somePath(), hpack.HeaderField{Name: "grpc-encoding", Value: []string{"gzip", "snappy", "x"}[h.rand.IntN(3)]})); err != nil {
			return err
		}
		return l.framer.WriteData(l.stream-1, true, append([]byte{1, 0, 0, 0, 32}, h.bytes(32)...))
	})
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
