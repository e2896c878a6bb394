package executor

import (
	"context"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/state"
)

// A value in the database that is not what was written must not be executed
// on, and not be refused in silence for ever either.
func TestAShardThatReadsDamageIsQuarantined(t *testing.T) {
	for name, find := range map[string]func(*house, *boss, string){
		"by a read": func(h *house, _ *boss, key string) {
			if _, err := h.get(0, key); status.Code(err) != codes.DataLoss {
				t.Errorf("a read of a damaged value: %v", err)
			}
		},
		"by an execution": func(_ *house, b *boss, _ string) {
			_, block := put(b, 0, 2)
			b.submit(block)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBoss(t, 1)
			h := newHouse(t, b, 0)
			key, block := put(b, 0, 1)
			b.commits(block)
			h.awaits(1)
			if err := h.core.keeper.FlushAll(context.Background()); err != nil {
				t.Fatal(err)
			}
			if err := h.stop(); err != nil {
				t.Fatal(err)
			}
			flipValue(t, filepath.Join(h.options.Directory, state.FileName), key)
			h.start()
			eventually(t, "it is welcomed", func() bool { return h.Status().Welcomed })
			find(h, b, key)
			eventually(t, "it is quarantined", func() bool { return h.Status().Quarantined != "" })
			if h.Ready() == nil || h.Status().Committed.Height() != 1 {
				t.Errorf("status %+v", h.Status())
			}
			eventually(t, "the coordinator knows", func() bool { return b.status().Shards[0].Quarantined != "" })
		})
	}
}

// flipValue changes a byte of a stored value behind the back of its checksum.
func flipValue(t *testing.T, path, key string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		pairs := tx.Bucket([]byte("pairs"))
		stored := append([]byte(nil), pairs.Get([]byte(key))...)
		stored[len(stored)-1] ^= 1
		return pairs.Put([]byte(key), stored)
	})
	if err != nil {
		t.Fatal(err)
	}
}
