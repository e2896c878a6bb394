package proof

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/holiman/uint256"
	"go.etcd.io/bbolt"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// fixture is a cluster that has come to rest, as its files.
type fixture struct {
	dir     string
	history []Height
	config  protocol.Config
	blocks  Blocks
}

// newFixture writes a cluster of two shards whose databases hold all blocks.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{dir: t.TempDir(), config: protocol.Config{
		Cluster: protocol.ClusterID{1}, Slots: protocol.EvenSlots(2), Limits: protocol.DefaultLimits(),
	}}
	var err error
	if f.blocks, err = OpenBlocks(f.dir); err != nil {
		t.Fatal(err)
	}
	run := executor.NewSequential(ledger.Machine{}, f.config.Limits)
	f.commit(t, run, "opening", ledger.Credit("alice", *uint256.NewInt(1000)), ledger.Credit("bob", *uint256.NewInt(50)), ledger.Credit("carol", *uint256.NewInt(7)))
	f.commit(t, run, "payments", ledger.Transfer("alice", "dave", *uint256.NewInt(300)), ledger.Debit("bob", *uint256.NewInt(50)),
		ledger.Debit("carol", *uint256.NewInt(8)), ledger.Put("note", []byte("x")))
	for shard := range f.config.Shards() {
		f.writeShard(t, run, shard)
	}
	return f
}

// commit runs a block of one operation a transaction and adds it to the history.
func (f *fixture) commit(t *testing.T, run *executor.Sequential, key string, ops ...ledger.Op) {
	t.Helper()
	var transactions []protocol.Transaction
	for _, op := range ops {
		transaction, err := ledger.NewTransaction(op)
		if err != nil {
			t.Fatal(err)
		}
		transactions = append(transactions, transaction)
	}
	outcomes, err := run.Execute(transactions)
	if err != nil {
		t.Fatal(err)
	}
	body := protocol.EncodeBody(transactions)
	if err := f.blocks.Put(key, body); err != nil {
		t.Fatal(err)
	}
	h := Height{Height: uint64(len(f.history) + 1), Key: key, Block: protocol.BlockID(key, body).String(), Outcomes: map[string]uint64{}}
	for name, n := range outcomes.Counts() {
		h.Outcomes[name] = uint64(n)
	}
	digests := make([]protocol.Digest, f.config.Shards())
	for i := range digests {
		digests[i] = run.StateDigest(f.config.Slots, protocol.ShardID(i))
		h.Digests = append(h.Digests, digests[i].String())
	}
	var below protocol.Digest
	if n := len(f.history); n > 0 {
		if below, err = digestOf(f.history[n-1].Root); err != nil {
			t.Fatal(err)
		}
	}
	h.Root = protocol.ChainRoot(below, protocol.Height(h.Height), protocol.BlockID(key, body), digests).String()
	f.history = append(f.history, h)
}

func (f *fixture) shard(i int) string { return filepath.Join(f.dir, fmt.Sprintf("shard%d", i)) }

// writeShard writes a data directory with an empty log and everything in the
// database.
func (f *fixture) writeShard(t *testing.T, run *executor.Sequential, shard int) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir, id := f.shard(shard), protocol.ShardID(shard)
	check(os.MkdirAll(dir, 0o700))
	log, err := wal.Open(filepath.Join(dir, executor.LogDirectory), wal.Options{})
	check(err)
	position := state.LogPosition{ID: log.ID(), Keep: 1}
	check(log.Close())
	check(state.Create(dir, state.Checkpoint{Shard: id, Directory: protocol.DirectoryID{2}, Log: position}, state.Options{}))
	store, err := state.Open(dir, state.Options{})
	check(err)
	var writes []protocol.WriteOp
	for key, value := range run.All() {
		if k := []byte(key); f.config.Slots.Owner(k) == id {
			writes = append(writes, protocol.WriteOp{Key: k, Value: value})
		}
	}
	top := protocol.Height(len(f.history))
	for h := protocol.Height(1); h <= top; h++ {
		var staged []protocol.WriteOp
		committed := protocol.Committed{Attempt: protocol.AttemptID{Height: h, Epoch: 1, Attempt: 1}}
		if h == top {
			staged, committed.Digest = writes, run.StateDigest(f.config.Slots, id)
		}
		check(store.Stage(h, staged))
		check(store.Commit(committed))
	}
	check(store.Flush(t.Context(), top, position, f.config, 1))
	check(store.Close())
}

// plant changes the value of a key in a shard's database, with a checksum that
// fits, or removes the key if value is nil.
func (f *fixture) plant(t *testing.T, shard int, key, value []byte) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(f.shard(shard), state.FileName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		pairs := tx.Bucket([]byte("pairs"))
		if value == nil {
			return pairs.Delete(key)
		}
		sum := crc32.Checksum(append(append([]byte{}, key...), value...), crc32.MakeTable(crc32.Castagnoli))
		return pairs.Put(key, append(binary.BigEndian.AppendUint32(nil, sum), value...))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) check(t *testing.T) *Report {
	t.Helper()
	r, err := Check(Input{Shards: []string{f.shard(0), f.shard(1)}, History: f.history, Blocks: f.blocks})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// owner gives the shard of a key.
func (f *fixture) owner(key []byte) int { return int(f.config.Slots.Owner(key)) }
