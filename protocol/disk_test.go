package protocol

import (
	"fmt"
	"slices"
)

// disk is a log in memory. A crash takes what was not forced; records are kept
// as bytes, so every replay goes through the encodings.
type disk struct {
	records []storedRecord
	forced  int // records[:forced] survive every crash
}

type storedRecord struct {
	kind RecordType
	body []byte
}

func (d *disk) append(records []Record, force bool) {
	for _, r := range records {
		d.records = append(d.records, storedRecord{r.RecordType(), EncodeRecord(r)})
	}
	if force {
		d.force()
	}
}

func (d *disk) force() { d.forced = len(d.records) }

// crash keeps the first few of the records that were not forced. What a
// restart has read is forced before it is acted on.
func (d *disk) crash(keep int) {
	d.records = d.records[:min(d.forced+keep, len(d.records))]
	d.force()
}

func (d *disk) unforced() int { return len(d.records) - d.forced }

// trim takes n records away from the front.
func (d *disk) trim(n int) {
	d.records = slices.Clone(d.records[n:])
	d.forced = max(0, d.forced-n)
}

// before gives the number of records in front of the first that is needed.
func (d *disk) before(needed func(Record) bool) int {
	for i, r := range d.records {
		if needed(r.decode()) {
			return i
		}
	}
	return len(d.records)
}

func (s storedRecord) decode() Record {
	r, err := DecodeRecord(s.kind, s.body)
	if err != nil {
		panic(err)
	}
	return r
}

func replay(records []storedRecord, add func(Record) error) error {
	for i, s := range records {
		r, err := DecodeRecord(s.kind, s.body)
		if err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		if err := add(r); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	return nil
}

// shardDisk is what of a shard survives a crash: its log and its database.
type shardDisk struct {
	log      disk
	database ShardState // Config, Epoch and Committed, as of the checkpoint
}

// recover replays the first n records over the database.
func (d *shardDisk) recover(n int) (ShardState, error) {
	r := NewShardRecovery(d.database.Config, d.database.Epoch, d.database.Committed)
	if err := replay(d.log.records[:n], r.Add); err != nil {
		return ShardState{}, err
	}
	return r.Finish()
}

// checkpoint is rule S7: force the log, then everything in one transaction.
func (d *shardDisk) checkpoint(config Config, epoch Epoch, to Committed) {
	d.log.force()
	d.database = ShardState{Config: config, Epoch: epoch, Committed: to}
}

// trimmable counts the records in front of the first Prepared or Committed
// record above the checkpoint.
func (d *shardDisk) trimmable() int {
	above := d.database.Committed.Height()
	return d.log.before(func(r Record) bool {
		switch r := r.(type) {
		case *Prepared:
			return r.Attempt.Height > above
		case CommittedRecord:
			return r.Height() > above
		}
		return false
	})
}

// coordinatorDisk is the coordinator's log, which one epoch owns at a time, a
// snapshot of what the records in front of it came to, and the history of decided
// blocks beside both.
type coordinatorDisk struct {
	log      disk
	owner    Epoch // appends of lower epochs are refused (C1)
	snapshot DecisionLog
	history  map[Height]*Decision
	kept     Height // the highest of the history
	needed   Height // the lowest of the history that a resync may ask for (C7)
}

func (d *coordinatorDisk) append(epoch Epoch, records []Record, force bool) error {
	if epoch < d.owner {
		return fmt.Errorf("epoch %d owns the log", d.owner)
	}
	d.owner = epoch
	d.log.append(records, force)
	return nil
}

func (d *coordinatorDisk) recover() (CoordinatorState, error) {
	l := d.snapshot
	if err := replay(d.log.records, l.Add); err != nil {
		return CoordinatorState{}, err
	}
	l.Forget(d.kept)
	var older []*Decision
	for h := d.needed; h <= l.Kept(); h++ {
		if kept := d.history[h]; kept != nil {
			older = append(older, kept)
		}
	}
	return l.Coordinator(older), nil
}

// keepHistory moves decisions up to a height into the history.
func (d *coordinatorDisk) keepHistory(c *Coordinator, h Height) {
	d.log.force()
	if d.history == nil {
		d.history = map[Height]*Decision{}
	}
	for d.kept < h {
		d.kept++
		d.history[d.kept] = c.decisions[d.kept]
	}
}

// holds begins with a decision in the history, and a snapshot that ends with it.
func (d *coordinatorDisk) holds(c Config, highest *Decision) {
	if d.history == nil {
		d.history = map[Height]*Decision{}
	}
	d.kept = highest.Height()
	d.history[d.kept] = highest
	d.snapshot = DecisionLog{Config: c, Epoch: highest.Attempt.Epoch, Decided: highest}
}

// trim puts n records, which are forced, into the snapshot, and notes which
// decisions of the history are needed.
func (d *coordinatorDisk) trim(c *Coordinator, n int) {
	d.needed = max(d.needed, c.Status().LowestNeeded)
	if err := replay(d.log.records[:n], d.snapshot.Add); err != nil {
		panic(err)
	}
	d.log.trim(n)
}
