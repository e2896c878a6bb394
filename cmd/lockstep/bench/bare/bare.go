package bare

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// mapBytes is the address space for each file, as the shards reserve it.
const mapBytes = 64 << 30

var bucket = []byte("pairs")

// Store is one file per shard. It belongs to one goroutine at a time.
type Store struct {
	machine executor.Machine
	slots   protocol.SlotTable
	limits  protocol.Limits
	files   []*bbolt.DB
	tx      *executor.Tx

	views []*bbolt.Tx // of the block being run
	// changed has the writes of the block being run; nil stands for a delete.
	changed map[string][]byte
}

// Create makes the files in an empty directory. Close the Store.
func Create(dir string, m executor.Machine, slots protocol.SlotTable, limits protocol.Limits) (*Store, error) {
	s := &Store{machine: m, slots: slots, limits: limits, tx: executor.NewTx(limits), changed: map[string][]byte{}}
	for i := range slots.Shards() {
		file, err := create(filepath.Join(dir, "shard"+strconv.Itoa(i)+".db"))
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.files = append(s.files, file)
	}
	return s, nil
}

func create(path string) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, InitialMmapSize: mapBytes})
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket(bucket)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create %s: %w", path, err), db.Close())
	}
	return db, nil
}

// Close closes the files.
func (s *Store) Close() error {
	var all error
	for _, f := range s.files {
		all = errors.Join(all, f.Close())
	}
	return all
}

// Run runs a block from its canonical encoding. When it returns, all files have
// the block and are synced.
func (s *Store) Run(body []byte) (protocol.Outcomes, error) {
	transactions, err := protocol.DecodeBody(body, s.limits)
	if err != nil {
		return protocol.Outcomes{}, err
	}
	outcomes, err := s.execute(transactions)
	if err != nil {
		return protocol.Outcomes{}, err
	}
	return outcomes, s.write()
}

// execute runs the transactions over the files, and leaves their writes in
// changed.
func (s *Store) execute(transactions []protocol.Transaction) (outcomes protocol.Outcomes, err error) {
	clear(s.changed)
	defer func() { err = errors.Join(err, s.unview()) }()
	if err := s.view(); err != nil {
		return outcomes, err
	}
	outcomes = protocol.NewOutcomes(len(transactions))
	for i, t := range transactions {
		outcome, err := s.run(t)
		if err == nil {
			err = outcomes.Set(i, outcome)
		}
		if err != nil {
			return outcomes, fmt.Errorf("run transaction %d: %w", i, err)
		}
	}
	return outcomes, nil
}

func (s *Store) view() error {
	for _, f := range s.files {
		view, err := f.Begin(false)
		if err != nil {
			return fmt.Errorf("read %s: %w", f.Path(), err)
		}
		s.views = append(s.views, view)
	}
	return nil
}

func (s *Store) unview() error {
	var all error
	for _, view := range s.views {
		all = errors.Join(all, view.Rollback())
	}
	s.views = s.views[:0]
	return all
}

func (s *Store) run(t protocol.Transaction) (string, error) {
	s.tx.Reset(t)
	for i, a := range t.Access {
		if a.Mode.Reads() {
			value := s.read(a.Key)
			s.tx.SetInput(i, value, value != nil)
		}
	}
	outcome, err := executor.Run(s.machine, s.tx)
	if err != nil {
		return "", err
	}
	for _, w := range s.tx.Writes() {
		if w.Delete {
			s.changed[string(w.Key)] = nil
		} else {
			s.changed[string(w.Key)] = present(w.Value)
		}
	}
	return outcome, nil
}

// present makes an empty value differ from none.
func present(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}

// read gives the value of a key, nil if it is absent. It is good until the
// block has been run.
func (s *Store) read(key []byte) []byte {
	if value, ok := s.changed[string(key)]; ok {
		return value
	}
	return s.views[s.slots.Owner(key)].Bucket(bucket).Get(key)
}

// pair is one change to a file; a nil value deletes.
type pair struct {
	key   string
	value []byte
}

// write puts what has changed into the files, in ascending order of keys, which
// is the cheapest for bbolt.
func (s *Store) write() error {
	byShard := make([][]pair, len(s.files))
	for key, value := range s.changed {
		shard := s.slots.Owner([]byte(key))
		byShard[shard] = append(byShard[shard], pair{key, value})
	}
	var group errgroup.Group
	for i, pairs := range byShard {
		if len(pairs) > 0 {
			group.Go(func() error { return update(s.files[i], pairs) })
		}
	}
	return group.Wait()
}

func update(file *bbolt.DB, pairs []pair) error {
	slices.SortFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	err := file.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		for _, p := range pairs {
			var err error
			if p.value == nil {
				err = b.Delete([]byte(p.key))
			} else {
				err = b.Put([]byte(p.key), p.value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", file.Path(), err)
	}
	return nil
}

// Digest gives the state digest of one shard, by a full scan.
func (s *Store) Digest(shard protocol.ShardID) (protocol.Digest, error) {
	var sum protocol.Sum
	err := s.files[shard].View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(key, value []byte) error {
			sum = sum.Add(protocol.PairSum(key, value))
			return nil
		})
	})
	return sum.Digest(), err
}
