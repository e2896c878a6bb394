package attack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// method is one of those that the daemons serve.
type method struct {
	service, name string
	input         protoreflect.MessageDescriptor // nil if it does not matter
	stream        bool                           // of requests
}

func (m method) path() string { return "/" + m.service + "/" + m.name }

// methods lists all methods of the project's services.
var methods = sync.OnceValue(func() (all []method) {
	protoregistry.GlobalFiles.RangeFilesByPackage("lockstep.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				m := service.Methods().Get(j)
				all = append(all, method{string(service.FullName()), string(m.Name()), m.Input(), m.IsStreamingClient()})
			}
		}
		return true
	})
	slices.SortFunc(all, func(a, b method) int { return strings.Compare(a.path(), b.path()) })
	return all
})

// ordering are the methods by which operators order coordinators about. In plaintext that
// is everybody's right.
var ordering = []string{"Drain", "TransferLeadership", "AddMember", "RemoveMember"}

// someMethod draws one that a face may try.
func (h *hand) someMethod(f face) method {
	for {
		all := methods()
		m := all[h.rand.IntN(len(all))]
		if f.secure || !slices.Contains(ordering, m.name) {
			return m
		}
	}
}

// serverOf draws a node that serves the method, or now and then any.
func (h *hand) serverOf(m method) string {
	nodes := h.Coordinators
	switch {
	case h.rand.IntN(8) == 0:
		nodes = h.Nodes()
	case m.service == "lockstep.v1.ExchangeService", m.service == "lockstep.v1.ShardService":
		nodes = h.Shards
	}
	return nodes[h.rand.IntN(len(nodes))].Address
}

// randomCalls calls a method with messages of its form, filled at random.
func randomCalls(h *hand) string {
	f := h.face()
	m := h.someMethod(f)
	var messages [][]byte
	most := 1
	if m.stream {
		most = 5
	}
	for range 1 + h.rand.IntN(most) {
		b, err := proto.Marshal(h.message(m.input, 4))
		if err != nil {
			h.accuse(fmt.Errorf("make a message for %s: %w", m.path(), err))
			return "failed"
		}
		messages = append(messages, b)
	}
	return h.callKept(f, m, messages)
}

// brokenCalls calls a method with bytes that are no message of it: random ones, or a
// message with some bytes changed, missing or doubled.
func brokenCalls(h *hand) string {
	f := h.face()
	m := h.someMethod(f)
	b, err := proto.Marshal(h.message(m.input, 4))
	if err != nil || h.rand.IntN(3) == 0 {
		b = h.bytes(h.rand.IntN(4096))
	}
	for range 1 + h.rand.IntN(8) {
		if len(b) == 0 {
			break
		}
		at := h.rand.IntN(len(b))
		switch h.rand.IntN(4) {
		case 0:
			b = b[:at]
		case 1:
			b = append(b[:at:at], b[at/2:]...)
		default:
			b[at] = byte(h.rand.Uint32())
		}
	}
	return h.callKept(f, m, [][]byte{b})
}

// callKept calls with messages that may by chance be blocks, whose bodies are kept for
// the proof. What is put together to a block by a coordinator is not sent, since nobody
// else would know its body.
func (h *hand) callKept(f face, m method, messages [][]byte) string {
	limits := protocol.DefaultLimits()
	for _, b := range messages {
		switch m.name {
		case "SubmitBlock", "SubmitBlocks":
			var request wirepb.SubmitBlockRequest
			if proto.Unmarshal(b, &request) != nil {
				continue
			}
			s, err := wire.ParseSubmission(&request, limits)
			if err != nil {
				continue
			}
			if err := h.blocks.Put(s.Key, s.Body); err != nil {
				h.accuse(err)
			}
		case "SubmitTransactions":
			var request wirepb.SubmitTransactionsRequest
			if proto.Unmarshal(b, &request) != nil {
				continue
			}
			for _, t := range request.GetTransactions() {
				if _, err := wire.Transaction(t.GetTransaction(), limits); err == nil {
					return "not sent"
				}
			}
		}
	}
	return h.call(f, m, messages)
}

// everyStream lets any method be called.
var everyStream = &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}

// asItIs sends and receives bytes as they are.
var asItIs = grpc.ForceCodecV2(bytesCodec{})

// bytesCodec implements encoding.CodecV2 for bytes.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (bytesCodec) Unmarshal(b mem.BufferSlice, v any) error {
	*v.(*[]byte) = b.Materialize()
	return nil
}

// callTimeout bounds the calls of attackers.
const callTimeout = 3 * time.Second

// call calls a method as somebody, with messages as they are, and reads answers until
// there are no more, or it takes too long.
func (h *hand) call(f face, m method, messages [][]byte) string {
	conn, err := h.grpc(f, h.serverOf(m))
	if err != nil {
		return h.called(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(h.ctx, callTimeout)
	defer cancel()
	stream, err := conn.NewStream(ctx, everyStream, m.path(), asItIs)
	if err != nil {
		return h.called(err)
	}
	for _, message := range messages {
		if stream.SendMsg(message) != nil {
			break // receiving tells why
		}
	}
	_ = stream.CloseSend() // likewise
	for answers := 0; ; answers++ {
		var answer []byte
		err := stream.RecvMsg(&answer)
		if err == nil {
			if !f.mayCall(m) {
				h.accuse(fmt.Errorf("%s got an answer from %s", f.name, m.path()))
			}
			if answers < mostAnswers {
				continue
			}
			return codes.OK.String()
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return h.called(err)
	}
}

// mostAnswers is how many answers of one call attackers read.
const mostAnswers = 10
