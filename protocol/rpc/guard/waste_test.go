package guard_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// SubmitBlocks takes blocks until there are no more.
func (values) SubmitBlocks(stream grpc.BidiStreamingServer[wirepb.SubmitBlockRequest, wirepb.SubmitBlocksResponse]) error {
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// What is refused is received at a pace, so that others have the processor.
func TestWasteKeepsAPace(t *testing.T) {
	t.Parallel()
	const most, perSecond, size, calls = 1 << 20, 4 << 20, 16 << 10, 512 // 8 MiB
	p := serve(t, guard.Limits{Waste: most, WastePerSecond: perSecond})
	a := p.attack()
	began := time.Now()
	go func() {
		for range calls {
			stream, err := a.call("/lockstep.v1.CoordinatorService/NoSuchMethod")
			if err == nil {
				err = a.WriteData(stream, true, append(message(size-headBytes), make([]byte, size-headBytes)...))
			}
			if err != nil {
				return // the test has ended
			}
		}
	}()
	if err := a.SetReadDeadline(began.Add(patience)); err != nil {
		t.Fatal(err)
	}
	for answered := 0; answered < calls; {
		f, err := a.ReadFrame()
		if err != nil {
			t.Fatalf("after %d answers: %v", answered, err)
		}
		if h, ok := f.(*http2.HeadersFrame); ok && h.StreamEnded() {
			answered++
		}
	}
	if took, least := time.Since(began), (calls*size-most)*time.Second/perSecond/2; took < least {
		t.Errorf("it took %v, at least %v are right", took, least)
	}
}

// Something comes of what is carried out, and of what is taken from a stream: that does
// not keep a pace.
func TestWorkIsNotWaste(t *testing.T) {
	t.Parallel()
	p := serve(t, guard.Limits{Waste: 4 << 20, WastePerSecond: 1})
	c := wirepb.NewCoordinatorServiceClient(p.client("127.0.0.1"))
	ctx, cancel := context.WithTimeout(t.Context(), patience) // it would take minutes
	defer cancel()
	block := &wirepb.SubmitBlockRequest{Key: "k", Content: &wirepb.SubmitBlockRequest_Body{Body: make([]byte, 1<<20)}}
	for range 40 {
		if _, err := c.SubmitBlock(ctx, block); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := c.SubmitBlocks(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		if err := stream.Send(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
