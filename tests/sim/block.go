package sim

import (
	"fmt"

	"github.com/holiman/uint256"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// valueLimit is the longest value in a simulated cluster, in bytes.
const valueLimit = 256

// limits are those of every simulated cluster.
func limits() protocol.Limits {
	return protocol.Limits{
		KeyBytes: 64, ValueBytes: valueLimit, TransactionKeys: 64, BlockBytes: 64 << 10,
		BlockTransactions: 64, TransactionPayload: 4 << 10,
	}
}

// content is what a client submits under a key.
type content struct {
	key          string
	after        string // key of the block that it comes after; "" for none (C9)
	body         []byte // canonical
	id           protocol.Digest
	transactions []protocol.Transaction
}

// author draws blocks: over few keys, some of them hot, so that transactions
// and blocks conflict.
type author struct {
	chooser
	hot, cold    int
	transactions int // most in a block
	poison       int // percent of the blocks that can never be decided
}

func newAuthor(c chooser) author {
	return author{chooser: c, hot: c.between(1, 4), cold: c.between(4, 40), transactions: c.between(1, 12), poison: c.between(0, 6)}
}

func (a author) name(prefix string) string {
	if a.percent(40) {
		return fmt.Sprintf("%shot%d", prefix, a.IntN(a.hot))
	}
	return fmt.Sprintf("%s%d", prefix, a.IntN(a.cold))
}

// block draws a content for a key.
func (a author) block(key string) *content {
	var all []protocol.Transaction
	for range a.between(1, a.transactions) {
		all = append(all, a.transaction())
	}
	if a.percent(a.poison) {
		all[a.IntN(len(all))] = a.mixer(one(a.chooser, []byte{mixPanic, mixNoName}))
	}
	return newContent(key, all)
}

// newContent makes the canonical form of a block, by way of the messages of the
// API.
func newContent(key string, all []protocol.Transaction) *content {
	list := &wirepb.TransactionList{}
	for _, t := range all {
		list.Transactions = append(list.Transactions, wire.TransactionMessage(t))
	}
	in := &wirepb.SubmitBlockRequest{Key: key, Content: &wirepb.SubmitBlockRequest_Transactions{Transactions: list}}
	s, err := wire.ParseSubmission(in, limits())
	if err != nil {
		panic(fmt.Sprintf("a block of the simulator is refused: %v", err))
	}
	return &content{key: key, body: s.Body, id: protocol.BlockID(key, s.Body), transactions: s.Transactions}
}

func (a author) transaction() protocol.Transaction {
	switch {
	case a.percent(40):
		return a.payment()
	case a.percent(80):
		return a.mixer(mixApply)
	}
	return a.mixer(one(a.chooser, []byte{mixFail, mixMayFail, mixMayFail, mixUndeclar, mixTooLong}))
}

// mixer draws a transaction over up to six keys, on any number of shards.
func (a author) mixer(verb byte) protocol.Transaction {
	var access []protocol.Access
	for range a.between(1, 6) {
		mode := one(a.chooser, []protocol.Mode{protocol.Read, protocol.Read, protocol.Write, protocol.ReadWrite})
		access = append(access, protocol.Access{Key: []byte(a.name("m/")), Mode: mode})
	}
	t := protocol.NewTransaction(nil, access)
	t.Payload = append(t.Payload, verb)
	for _, one := range t.Access {
		t.Payload = append(t.Payload, byte(one.Mode))
	}
	t.Payload = append(t.Payload, byte(a.Uint32()))
	return t
}

// payment draws operations of the ledger.
func (a author) payment() protocol.Transaction {
	var ops []ledger.Op
	amount := *uint256.NewInt(uint64(a.IntN(50)))
	switch a.IntN(6) {
	case 0, 1:
		ops = append(ops, ledger.Credit(a.name(""), amount))
	case 2, 3:
		ops = append(ops, ledger.Transfer(a.name(""), a.name(""), amount))
	case 4:
		ops = append(ops, ledger.Debit(a.name(""), amount), ledger.Put(a.name("v"), []byte{byte(a.Uint32())}))
	default:
		ops = append(ops, ledger.RequireAbsent(a.name("v")), ledger.Put(a.name("v"), []byte("there")), ledger.Delete(a.name("v")))
	}
	t, err := ledger.NewTransaction(ops...)
	if err != nil {
		panic(fmt.Sprintf("make a payment: %v", err))
	}
	return t
}
