package state

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// fillPercent is how full bbolt leaves a page that it splits. Measured with
// random upserts into 200k and 1M pairs, sorted batches of 10k to 50k: above
// one half, the rest of a split page stays small and is not filled up, so the
// file grows (0.9: 1.1 to 1.6 times) and a checkpoint takes 10 to 20 % longer.
const fillPercent = 0.5

// write is the one transaction of a checkpoint. Once it has begun, any error
// leaves the outcome unknown: if the last sync fails, bbolt reports an error
// and yet shows the new state.
func (db *database) write(writes []protocol.WriteOp, cp Checkpoint) error {
	before := db.length()
	err := guard("write", func() error {
		return db.Update(func(tx *bbolt.Tx) error {
			if err := putPairs(tx.Bucket(pairsBucket), writes); err != nil {
				return err
			}
			return putCheckpoint(tx, cp)
		})
	})
	db.wedged = errors.Is(err, ErrDamaged)
	db.fsyncs.Add(2) // bbolt forces the pages, and then the meta page,
	if db.length() != before {
		db.fsyncs.Add(1) // and a file that it makes longer
	}
	return err
}

// length is the length of the file in bytes; 0 if the system does not tell.
func (db *database) length() int64 {
	info, err := db.file.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// putPairs applies writes, ascending by key, so that each page is visited once.
func putPairs(pairs *bbolt.Bucket, writes []protocol.WriteOp) error {
	pairs.FillPercent = fillPercent
	arena := make([]byte, 0, sealedBytes(writes)) // bbolt keeps references until it commits
	for _, w := range writes {
		if w.Delete {
			if err := pairs.Delete(w.Key); err != nil {
				return fmt.Errorf("delete key %q: %w", w.Key, err)
			}
			continue
		}
		from := len(arena)
		arena = appendSealed(arena, w.Key, w.Value)
		if err := pairs.Put(w.Key, arena[from:len(arena):len(arena)]); err != nil {
			return fmt.Errorf("put key %q: %w", w.Key, err)
		}
	}
	return nil
}

func sealedBytes(writes []protocol.WriteOp) (n int) {
	for _, w := range writes {
		if !w.Delete {
			n += sealBytes + len(w.Value)
		}
	}
	return n
}

// putCheckpoint writes the meta record.
func putCheckpoint(tx *bbolt.Tx, cp Checkpoint) error {
	record := appendSealed(nil, checkpointKey, cp.encode())
	if err := tx.Bucket(metaBucket).Put(checkpointKey, record); err != nil {
		return fmt.Errorf("put checkpoint: %w", err)
	}
	return nil
}
