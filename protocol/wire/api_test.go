package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

var smallLimits = protocol.Limits{
	KeyBytes: 8, ValueBytes: 8, TransactionKeys: 3, BlockBytes: 1 << 10, BlockTransactions: 4, TransactionPayload: 600,
}

func access(keys ...string) (list []*wirepb.Access) {
	for _, k := range keys {
		list = append(list, &wirepb.Access{Key: []byte(k), Mode: wirepb.AccessMode_ACCESS_MODE_READ})
	}
	return list
}

func structured(key string, transactions ...*wirepb.Transaction) *wirepb.SubmitBlockRequest {
	return &wirepb.SubmitBlockRequest{Key: key, Content: &wirepb.SubmitBlockRequest_Transactions{
		Transactions: &wirepb.TransactionList{Transactions: transactions}}}
}

func canonical(key string, body []byte) *wirepb.SubmitBlockRequest {
	return &wirepb.SubmitBlockRequest{Key: key, Content: &wirepb.SubmitBlockRequest_Body{Body: body}}
}

// Both forms of a block mean the same, whatever the order of its access lists.
func TestSubmissionForms(t *testing.T) {
	in := []*wirepb.Transaction{
		{Payload: []byte("one"), Access: append(access("b", "a"), &wirepb.Access{Key: []byte("b"), Mode: wirepb.AccessMode_ACCESS_MODE_WRITE})},
		{Access: access("c")},
	}
	got, err := wire.ParseSubmission(structured("key", in...), smallLimits)
	if err != nil {
		t.Fatal(err)
	}
	want := []protocol.Access{{Key: []byte("a"), Mode: protocol.Read}, {Key: []byte("b"), Mode: protocol.ReadWrite}}
	if !reflect.DeepEqual(got.Transactions[0].Access, want) {
		t.Errorf("access list %v", got.Transactions[0].Access)
	}
	again, err := wire.ParseSubmission(canonical("key", got.Body), smallLimits)
	if err != nil {
		t.Fatal(err)
	}
	if again.Key != got.Key || !bytes.Equal(again.Body, got.Body) || !reflect.DeepEqual(again.Transactions, got.Transactions) {
		t.Errorf("got %+v, want %+v", again, got)
	}
}

func TestSubmissionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []*wirepb.Transaction
		for range rapid.IntRange(1, 5).Draw(t, "transactions") {
			x := protocol.NewTransaction(rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "payload"), []protocol.Access{
				{Key: rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "key"), Mode: protocol.Mode(rapid.IntRange(1, 3).Draw(t, "mode"))},
				{Key: rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "key"), Mode: protocol.Write},
			})
			list = append(list, wire.TransactionMessage(x))
		}
		body, transactions, err := wire.Body(list, protocol.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			if back := wire.TransactionMessage(transactions[i]); !proto.Equal(back, list[i]) {
				t.Fatalf("got %v, want %v", back, list[i])
			}
		}
		if again := protocol.EncodeBody(transactions); !bytes.Equal(again, body) {
			t.Fatal("not canonical")
		}
	})
}

func TestSubmissionRefused(t *testing.T) {
	good := &wirepb.Transaction{Access: access("a")}
	for name, c := range map[string]struct {
		in   *wirepb.SubmitBlockRequest
		want string // in the message
	}{
		"nothing":           {nil, "key: malformed"},
		"no content":        {&wirepb.SubmitBlockRequest{Key: "k"}, "content: malformed message: neither"},
		"no key":            {structured("", good), "key: malformed message: a block needs a key"},
		"long key":          {structured(strings.Repeat("k", 1025), good), "key: message too large: block key of 1025 bytes is over the limit of 1024 bytes"},
		"key no UTF-8":      {structured("\xff", good), "key: malformed message: block key is not UTF-8"},
		"no transactions":   {structured("k"), "transactions: malformed message: a block needs at least one transaction"},
		"nil transaction":   {structured("k", good, nil), "transactions[1]: malformed message: no keys declared"},
		"nil access":        {structured("k", &wirepb.Transaction{Access: make([]*wirepb.Access, 1)}), "transactions[0]: access[0]: malformed message: empty key"},
		"no mode":           {structured("k", &wirepb.Transaction{Access: []*wirepb.Access{{Key: []byte("a")}}}), "transactions[0]: access[0]: malformed message: access mode 0"},
		"unknown mode":      {structured("k", &wirepb.Transaction{Access: []*wirepb.Access{{Key: []byte("a"), Mode: 257}}}), "access mode 257"},
		"negative mode":     {structured("k", &wirepb.Transaction{Access: []*wirepb.Access{{Key: []byte("a"), Mode: -1}}}), "access mode -1"},
		"long access key":   {structured("k", &wirepb.Transaction{Access: access("123456789")}), "transactions[0]: access[0]: message too large: key of 9 bytes is over the limit of 8 bytes"},
		"key that wraps":    {structured("k", &wirepb.Transaction{Access: access(long(65537))}), "key of 65537 bytes"},
		"many keys":         {structured("k", &wirepb.Transaction{Access: access("a", "b", "c", "d")}), "transactions[0]: message too large: 4 keys are over the limit of 3"},
		"long payload":      {structured("k", &wirepb.Transaction{Access: access("a"), Payload: make([]byte, 601)}), "payload of 601 bytes is over the limit of 600 bytes"},
		"many transactions": {structured("k", good, good, good, good, good), "transactions: message too large: block of 5 transactions is over the limit of 4"},
		"many bytes":        {structured("k", &wirepb.Transaction{Access: access("a"), Payload: make([]byte, 600)}, &wirepb.Transaction{Access: access("a"), Payload: make([]byte, 600)}), "block is over the limit of 1024 bytes"},
		"empty body":        {canonical("k", nil), "body: "},
		"body of nothing":   {canonical("k", make([]byte, 4)), "body: malformed message: a block needs at least one transaction"},
		"body cut short":    {canonical("k", []byte{0, 0, 0, 1, 0}), "body: "},
		"long body":         {canonical("k", make([]byte, 1025)), "over the limit of 1024 bytes"},
	} {
		_, err := wire.ParseSubmission(c.in, smallLimits)
		var argument *wire.ArgumentError
		if !errors.As(err, &argument) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if status.Code(fmt.Errorf("submit: %w", err)) != codes.InvalidArgument {
			t.Errorf("%s: code %v", name, status.Code(err))
		}
		if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, wire.ErrTooLarge) && !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: an error of no kind: %v", name, err)
		}
	}
}

func TestCheckKeys(t *testing.T) {
	for name, keys := range map[string][][]byte{
		"none": nil, "empty": {[]byte("a"), nil}, "long": {make([]byte, 9)}, "many": {[]byte("a"), []byte("b"), []byte("c")},
	} {
		if err := wire.CheckKeys(keys, 2, smallLimits); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := wire.CheckKeys([][]byte{[]byte("a"), []byte("a")}, 2, smallLimits); err != nil {
		t.Error(err)
	}
}

func TestTimeout(t *testing.T) {
	for in, want := range map[uint64]time.Duration{0: 30 * time.Second, 1: time.Millisecond, math.MaxUint64: time.Hour} {
		if got := wire.Timeout(in, 30*time.Second, time.Hour); got != want {
			t.Errorf("%d ms: got %v", in, got)
		}
	}
}

func TestBlockHeader(t *testing.T) {
	d := &protocol.Decision{
		Attempt: attempt(7, 2, 1), Parent: attempt(6, 2, 1), Key: "46147", Block: digest(1), Digests: []protocol.Digest{digest(2), digest(3)},
		Root: digest(4), Outcomes: someOutcomes("zebra\xff", "applied", "applied"), UnixMillis: 5,
	}
	b := wire.Block(d, true)
	if b.Height != 7 || b.Key != "46147" || b.Transactions != 3 || len(b.ShardDigests) != 2 || b.ShardDigests[1][0] != 3 || b.DecidedUnixMs != 5 {
		t.Errorf("header %v", b)
	}
	counts := b.OutcomeCounts
	if len(counts) != 2 || counts[0].Name != "applied" || counts[0].Count != 2 || counts[1].Count != 1 {
		t.Errorf("counts %v", counts)
	}
	if got := wire.OutcomeAt(b.Outcomes, 2); got != "applied" {
		t.Errorf("outcome %q", got)
	}
	if _, err := proto.Marshal(b); err != nil {
		t.Error(err)
	}
	if wire.Block(d, false).Outcomes != nil {
		t.Error("outcomes came unasked")
	}
	for _, index := range []int{-1, 3, 1 << 40} {
		if got := wire.OutcomeAt(b.Outcomes, index); got != "" {
			t.Errorf("outcome %d is %q", index, got)
		}
	}
	if got := wire.OutcomeAt(&wirepb.Outcomes{Codes: []byte{2}, Names: []string{"x"}}, 0); got != "" {
		t.Errorf("outcome of a name that is not there: %q", got)
	}
}

func TestRetryLater(t *testing.T) {
	err := wire.RetryLater(codes.Unavailable, 2*time.Second, "shard 3 is away")
	if wait, retry := wire.RetryAfter(err); !retry || wait != 2*time.Second || status.Code(err) != codes.Unavailable {
		t.Errorf("%v: %v, %v", err, wait, retry)
	}
	if _, retry := wire.RetryAfter(errors.New("other")); retry {
		t.Error("any error can be tried again")
	}
}

func TestParseAttempt(t *testing.T) {
	a := attempt(3, 2, 1)
	if got, err := wire.ParseAttempt(wire.Attempt(a)); err != nil || got != a {
		t.Error(got, err)
	}
	if _, err := wire.ParseAttempt(nil); !errors.Is(err, wire.ErrMalformed) {
		t.Error(err)
	}
}
