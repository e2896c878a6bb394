package rpc_test

import (
	"bytes"
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// asIs sends bytes as they are.
type asIs struct{}

func (asIs) Name() string { return "proto" }
func (asIs) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (asIs) Unmarshal(mem.BufferSlice, any) error { return nil }

// A message of some megabytes that would become gigabytes of parts is refused before
// they are made.
func TestMessagesOfVeryManyParts(t *testing.T) {
	refusals := guard.NewRefusals(nil)
	_, conn := startServer(t, rpc.ServerOptions{Refusals: refusals}, func(s *rpc.Server) { wirepb.RegisterCoordinatorServiceServer(s, &api{}) })
	const parts = 8 << 20
	many := bytes.Repeat([]byte("\x0a\x00"), parts) // empty transactions
	message := append(protowire.AppendTag(nil, 2, protowire.BytesType), protowire.AppendVarint(nil, uint64(len(many)))...)
	message = append(message, many...)
	before := allocated()
	err := conn.Invoke(context.Background(), wirepb.CoordinatorService_SubmitBlock_FullMethodName, message, new([]byte), grpc.ForceCodecV2(asIs{}))
	if err == nil || !strings.Contains(err.Error(), "too many parts for its length") {
		t.Errorf("got %v", err)
	}
	if more := allocated() - before; more > uint64(5*len(message)) {
		t.Errorf("%d MiB were taken for a message of %d MiB", more>>20, len(message)>>20)
	}
	for deadline := time.Now().Add(patience); refusals.Counts()[guard.Elements] != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%v refusals were counted", refusals.Counts())
		}
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
