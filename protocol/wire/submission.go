package wire

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Submission is a block as a client submits it, checked.
type Submission struct {
	Key   string
	After string // key of the block that it comes after; "" if none is named
	Body  []byte // canonical encoding
	// Transactions of the body; their keys and payloads alias it.
	Transactions []protocol.Transaction
}

// ParseSubmission reads a request. Every error is an *ArgumentError.
func ParseSubmission(in *wirepb.SubmitBlockRequest, limits protocol.Limits) (Submission, error) {
	s := Submission{Key: in.GetKey(), After: in.GetAfter()}
	if err := checkBlockKey("key", s.Key); err != nil {
		return Submission{}, err
	}
	if err := checkAfter(s); err != nil {
		return Submission{}, err
	}
	var err error
	switch content := in.GetContent().(type) {
	case *wirepb.SubmitBlockRequest_Body:
		s.Body = content.Body
		s.Transactions, err = decodeBody("body", s.Body, limits)
	case *wirepb.SubmitBlockRequest_Transactions:
		s.Body, s.Transactions, err = Body(content.Transactions.GetTransactions(), limits)
	default:
		err = argument(malformed("neither transactions nor body is given"), "content")
	}
	if err != nil {
		return Submission{}, err
	}
	return s, nil
}

func checkBlockKey(field, key string) error {
	switch {
	case key == "":
		return argument(malformed("a block needs a key"), "%s", field)
	case len(key) > protocol.MaxBlockKeyBytes:
		return argument(tooLarge("block key of %d bytes is over the limit of %d bytes", len(key), protocol.MaxBlockKeyBytes), "%s", field)
	case !utf8.ValidString(key):
		return argument(malformed("block key is not UTF-8"), "%s", field)
	}
	return nil
}

func checkAfter(s Submission) error {
	switch s.After {
	case "":
		return nil
	case s.Key:
		return argument(malformed("a block cannot come after itself"), "after")
	}
	return checkBlockKey("after", s.After)
}

// Body gives the canonical encoding of transactions, and the transactions as
// they stand in it: sorted access lists, no key twice. Every error is an
// *ArgumentError.
func Body(in []*wirepb.Transaction, limits protocol.Limits) ([]byte, []protocol.Transaction, error) {
	if len(in) > limits.BlockTransactions {
		return nil, nil, argument(tooLarge("block of %d transactions is over the limit of %d", len(in), limits.BlockTransactions), "transactions")
	}
	transactions := make([]protocol.Transaction, len(in))
	bytes := 4
	for i, t := range in {
		var err error
		if transactions[i], err = parseTransaction(t, limits); err != nil {
			return nil, nil, argument(err, "transactions[%d]", i)
		}
		if bytes += transactions[i].EncodedLen(); bytes > limits.BlockBytes {
			return nil, nil, argument(tooLarge("block is over the limit of %d bytes", limits.BlockBytes), "transactions")
		}
	}
	body := protocol.EncodeBody(transactions)
	transactions, err := decodeBody("transactions", body, limits)
	return body, transactions, err
}

func decodeBody(field string, body []byte, limits protocol.Limits) ([]protocol.Transaction, error) {
	transactions, err := protocol.DecodeBody(body, limits)
	if err == nil && len(transactions) == 0 {
		err = malformed("a block needs at least one transaction")
	}
	if err != nil {
		return nil, argument(err, "%s", field)
	}
	return transactions, nil
}

// Transaction reads one transaction and sorts its access list. Every error is
// an *ArgumentError.
func Transaction(in *wirepb.Transaction, limits protocol.Limits) (protocol.Transaction, error) {
	t, err := parseTransaction(in, limits)
	if err != nil {
		return protocol.Transaction{}, argument(err, "transaction")
	}
	return t, nil
}

// parseTransaction checks everything that the canonical encoding could not
// hold, and every limit.
func parseTransaction(in *wirepb.Transaction, limits protocol.Limits) (protocol.Transaction, error) {
	switch {
	case len(in.GetAccess()) == 0:
		return protocol.Transaction{}, malformed("no keys declared")
	case len(in.Access) > limits.TransactionKeys:
		return protocol.Transaction{}, tooLarge("%d keys are over the limit of %d", len(in.Access), limits.TransactionKeys)
	case len(in.Payload) > limits.TransactionPayload:
		return protocol.Transaction{}, tooLarge("payload of %d bytes is over the limit of %d bytes", len(in.Payload), limits.TransactionPayload)
	}
	access := make([]protocol.Access, len(in.Access))
	for i, a := range in.Access {
		if err := checkKey(a.GetKey(), limits); err != nil {
			return protocol.Transaction{}, fmt.Errorf("access[%d]: %w", i, err)
		}
		if a.Mode <= 0 || a.Mode > wirepb.AccessMode_ACCESS_MODE_READ_WRITE {
			return protocol.Transaction{}, fmt.Errorf("access[%d]: %w", i, malformed("access mode %d", a.Mode))
		}
		access[i] = protocol.Access{Key: a.Key, Mode: protocol.Mode(a.Mode)}
	}
	return protocol.NewTransaction(in.Payload, access), nil
}

func checkKey(key []byte, limits protocol.Limits) error {
	switch {
	case len(key) == 0:
		return malformed("empty key")
	case len(key) > limits.KeyBytes:
		return tooLarge("key of %d bytes is over the limit of %d bytes", len(key), limits.KeyBytes)
	}
	return nil
}

// CheckKeys checks the keys of a read; most bounds their number. Every error
// is an *ArgumentError.
func CheckKeys(keys [][]byte, most int, limits protocol.Limits) error {
	switch {
	case len(keys) == 0:
		return argument(malformed("no keys to read"), "keys")
	case len(keys) > most:
		return argument(tooLarge("%d keys are over the limit of %d", len(keys), most), "keys")
	}
	for i, key := range keys {
		if err := checkKey(key, limits); err != nil {
			return argument(err, "keys[%d]", i)
		}
	}
	return nil
}

// Timeout reads a wait in milliseconds: 0 is the default, and no more than
// most is given.
func Timeout(milliseconds uint64, byDefault, most time.Duration) time.Duration {
	switch {
	case milliseconds == 0:
		return min(byDefault, most)
	case milliseconds > uint64(most.Milliseconds()):
		return most
	}
	return time.Duration(milliseconds) * time.Millisecond //nolint:G115 // at most those of most
}

// TransactionMessage gives a transaction as a message, for clients.
func TransactionMessage(t protocol.Transaction) *wirepb.Transaction {
	out := &wirepb.Transaction{Payload: t.Payload, Access: make([]*wirepb.Access, len(t.Access))}
	for i, a := range t.Access {
		out.Access[i] = &wirepb.Access{Key: a.Key, Mode: wirepb.AccessMode(a.Mode)}
	}
	return out
}
