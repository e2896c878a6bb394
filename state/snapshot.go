package state

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/lockstep-exec/lockstep/protocol"
)

// snapshot is one read transaction: the database at one checkpoint. Its get is
// safe for concurrent use: a read-only transaction of bbolt changes nothing
// but atomic counters (etcd's ConcurrentReadTx rests on the same). close must
// not run at the same time as anything else; the View sees to it.
type snapshot struct {
	tx      *bbolt.Tx
	pairs   *bbolt.Bucket
	cursors sync.Pool       // of *bbolt.Cursor on pairs; a seek forgets what was before
	height  protocol.Height // the checkpointed height, from the transaction itself
}

// openSnapshot begins a read transaction. It waits for as long as bbolt maps
// the file anew (Options.MapBytes). Errors about the content are *DamageError.
func openSnapshot(db *database) (*snapshot, error) {
	tx, err := db.Begin(false)
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return nil, ErrClosed
	}
	if err != nil {
		return nil, fmt.Errorf("begin read transaction: %w", err)
	}
	s := &snapshot{tx: tx}
	if err := guard("open snapshot", s.load); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *snapshot) load() error {
	record, err := checkpointRecord(s.tx)
	if err != nil {
		return err
	}
	if s.height, err = decodeHeight(record); err != nil {
		return err
	}
	return s.loadPairs()
}

func (s *snapshot) loadPairs() error {
	if s.pairs = s.tx.Bucket(pairsBucket); s.pairs == nil {
		return &DamageError{What: "no bucket for pairs: not a state database"}
	}
	return nil
}

func (s *snapshot) close() {
	_ = s.tx.Rollback() // fails only if closed already
}

// checkpointRecord gives the meta record without its seal, verified. It is
// valid as long as the transaction is.
func checkpointRecord(tx *bbolt.Tx) ([]byte, error) {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		return nil, &DamageError{What: "no meta bucket: not a state database"}
	}
	record := meta.Get(checkpointKey)
	if record == nil {
		return nil, &DamageError{What: "no meta record"}
	}
	return unseal(checkpointKey, record)
}

// each calls fn with every pair, ascending by key, and with a *DamageError if
// the pair is damaged. It ends at the first error of fn, or when a page is so
// broken that it cannot go on.
func (s *snapshot) each(fn func(key, value []byte, damage error) error) error {
	cursor := s.pairs.Cursor()
	key, value, damage, err := step(cursor.First, nil)
	for ; err == nil && key != nil; key, value, damage, err = step(cursor.Next, key) {
		if err := fn(key, value, damage); err != nil {
			return err
		}
	}
	return err
}

// step moves a cursor and verifies the pair that it comes to, and that it
// comes after the previous one. No key and no error is the end.
func step(move func() (key, stored []byte), previous []byte) (key, value []byte, damage, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer recoverDamage("scan", &err)
	key, stored := move()
	if key == nil {
		return nil, nil, nil, nil
	}
	value, damage = unseal(key, stored)
	if damage == nil && previous != nil && bytes.Compare(previous, key) >= 0 {
		value, damage = nil, damagedPair(key, "key out of order")
	}
	return key, value, damage, nil
}

// get reads and verifies one pair. The value is a copy.
func (s *snapshot) get(key []byte) (value []byte, ok bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer recoverDamage("read", &err)
	cursor, _ := s.cursors.Get().(*bbolt.Cursor)
	if cursor == nil {
		cursor = s.pairs.Cursor()
	}
	defer s.cursors.Put(cursor)
	found, stored := cursor.Seek(key)
	if !bytes.Equal(found, key) || found == nil {
		return nil, false, verifyGap(cursor, found, stored)
	}
	if value, err = unseal(key, stored); err != nil {
		return nil, false, err
	}
	return append([]byte{}, value...), true, nil
}

// verifyGap is called when a key was not found, with the cursor on the first
// pair above it. It verifies the two pairs round the gap: a damaged key hides
// its pair, but the pair still stands where the search ends, before or after
// it, and does not match its checksum any more.
func verifyGap(cursor *bbolt.Cursor, above, stored []byte) error {
	if above != nil {
		if _, err := unseal(above, stored); err != nil {
			return err
		}
	}
	below, stored := cursor.Prev()
	if below == nil {
		return nil
	}
	_, err := unseal(below, stored)
	return err
}
