package tracing

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

func TestIDsAreTheSameEverywhere(t *testing.T) {
	block, other := protocol.Digest{1}, protocol.Digest{2}
	first := protocol.AttemptID{Height: 1, Epoch: 1, Attempt: 1}
	second := protocol.AttemptID{Height: 1, Epoch: 2, Attempt: 1}
	seen := map[trace.SpanID]bool{}
	for _, id := range []trace.SpanContext{
		Attempt(block, first), Attempt(block, second), Attempt(other, first), Submission(block, 1), Submission(block, 2),
	} {
		if !id.IsValid() || !id.IsSampled() || seen[id.SpanID()] {
			t.Errorf("%v is not valid, or was there before", id)
		}
		seen[id.SpanID()] = true
	}
	if a, b := Attempt(block, first), Attempt(block, first); !a.Equal(b) {
		t.Error("two processes have different ids for one attempt")
	}
	if Attempt(block, first).TraceID() != Submission(block, 7).TraceID() || Block(block).TraceID() != Attempt(block, second).TraceID() {
		t.Error("one block has several traces")
	}
	if Block(block).TraceID() == Block(other).TraceID() {
		t.Error("two blocks have one trace")
	}
	if Submission(block, 0).IsValid() {
		t.Error("a client without spans has one")
	}
}

const golden = "9f4e61b6d483fd062e8a18d7f4da5a7e-964773c75761dd5a"

// The ids are part of what processes of different versions agree on.
func TestIDsStayAsTheyAre(t *testing.T) {
	got := Attempt(protocol.Digest{1, 2, 3}, protocol.AttemptID{Height: 7, Epoch: 3, Attempt: 1})
	if id := got.TraceID().String() + "-" + got.SpanID().String(); id != golden {
		t.Errorf("got %s", id)
	}
}

func TestTheClientIsTold(t *testing.T) {
	c := NewClient()
	out, _ := metadata.FromOutgoingContext(Outgoing(context.Background(), c))
	if got := Incoming(metadata.NewIncomingContext(context.Background(), out)); got != c || c == 0 {
		t.Errorf("%x was told, %x understood", c, got)
	}
	if Incoming(context.Background()) != 0 {
		t.Error("a call that tells nothing was understood")
	}
	if got := Incoming(metadata.NewIncomingContext(context.Background(), metadata.Join(out, out))); got != 0 {
		t.Errorf("two numbers were understood as %x", got)
	}
}

// Nothing that a client may send ends up anywhere but in a number.
func FuzzIncoming(ff *testing.F) {
	f := fuzz.New(ff)
	for _, text := range []string{"", "0123456789abcdef", "0123456789ABCDEF", "+123456789abcdef", "0x23456789abcdef", "g123456789abcdef", "00000000000000001"} {
		f.Add(text)
	}
	f.Bound(1<<7, 1<<17)
	f.Fuzz(func(t testing.TB, text string) {
		ctx := metadata.NewIncomingContext(context.Background(), metadata.Pairs(clientKey, text))
		c := Incoming(ctx)
		if len(text) != 16 && c != 0 {
			t.Errorf("%q was understood as %x", text, c)
		}
		if c != 0 && !Submission(protocol.Digest{1}, c).IsValid() {
			t.Errorf("%x has no span", c)
		}
	})
}

func TestIDsAreRandomOtherwise(t *testing.T) {
	a, as := IDs{}.NewIDs(context.Background())
	b, bs := IDs{}.NewIDs(context.Background())
	if a == b || as == bs || !a.IsValid() || !as.IsValid() {
		t.Errorf("%s-%s and %s-%s", a, as, b, bs)
	}
}
