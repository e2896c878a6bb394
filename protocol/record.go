package protocol

import "fmt"

// RecordType is the type byte of a record in a log. The numbers are part of
// the format on disk.
type RecordType uint8

const (
	// Log of a shard.
	RecordEpochSeen RecordType = 1
	RecordAdopted   RecordType = 2
	RecordPrepared  RecordType = 3
	RecordCommitted RecordType = 4

	// Log of the coordinator.
	RecordCreated   RecordType = 16
	RecordEpoch     RecordType = 17
	RecordJoined    RecordType = 18
	RecordProposed  RecordType = 19
	RecordWithdrawn RecordType = 20
	RecordDecided   RecordType = 21
	RecordResolved  RecordType = 22
)

// Record is one entry of a log. A node may act on what a record says only
// after the record is forced, unless the record's comment says otherwise.
type Record interface {
	RecordType() RecordType
	encode(w *encoder)
}

// EpochSeen is the highest epoch a shard has met (rule S5).
type EpochSeen struct{ Epoch Epoch }

// Adopted is the configuration a shard took over with its first Welcome.
type Adopted struct{ Config Config }

// Prepared is a shard's promise (rule S1): everything that is needed to commit
// the attempt without executing it again.
type Prepared struct {
	Attempt  AttemptID
	Parent   AttemptID
	Block    Digest
	Digest   Digest   // state digest of the shard after the block
	Outcomes Outcomes // by place in the sub-block
	Writes   []byte   // as of EncodeWrites
	Pushed   []byte   // values served to peers, to be served again after a restart
	// UnixMillis is when, by the shard's clock. The node fills it in; it is for
	// people, and no rule depends on it.
	UnixMillis uint64
}

// CommittedRecord notes a commit on a shard. It rides with the next force: a
// crash may take it, and resync brings the Commit again.
type CommittedRecord struct{ Committed }

// Created is the first record of a coordinator's log.
type Created struct{ Config Config }

// EpochClaimed begins an incarnation of the coordinator (rule C1).
type EpochClaimed struct{ Epoch Epoch }

// Joined binds a shard number to a data directory for good.
type Joined struct {
	Shard     ShardID
	Directory DirectoryID
}

// Proposed keeps a block from its first attempt on. It is not forced: a block
// that is lost in a crash was promised to nobody.
type Proposed struct {
	Height Height
	Epoch  Epoch // of the coordinator that wrote it
	Key    string
	// After is the key of the block that it came after when it was taken up, if
	// that one was not decided yet; "" for none (C9).
	After string
	Block Digest
	Body  []byte // canonical encoding of the transactions
}

// Withdrawn takes the block at Height back, and moves the undecided blocks
// above it down by one (rules C3 and C5).
type Withdrawn struct {
	Height Height
	Key    string
}

// Decision is the commit of a block on all shards: the commit point is the
// moment at which this record is durable (rule C2).
type Decision struct {
	Attempt  AttemptID
	Parent   AttemptID
	Key      string
	Block    Digest
	Digests  []Digest // state digest of each shard after the block
	Root     Digest   // chain root
	Outcomes Outcomes // of every transaction of the block
	// UnixMillis is when, by the coordinator's clock; for people only.
	UnixMillis uint64
}

// Height is the decided height.
func (d *Decision) Height() Height { return d.Attempt.Height }

// CommittedOn is what the decision means for one shard.
func (d *Decision) CommittedOn(s ShardID) Committed {
	return Committed{Attempt: d.Attempt, Digest: d.Digests[s], Root: d.Root}
}

func (EpochSeen) RecordType() RecordType       { return RecordEpochSeen }
func (Adopted) RecordType() RecordType         { return RecordAdopted }
func (*Prepared) RecordType() RecordType       { return RecordPrepared }
func (CommittedRecord) RecordType() RecordType { return RecordCommitted }
func (Created) RecordType() RecordType         { return RecordCreated }
func (EpochClaimed) RecordType() RecordType    { return RecordEpoch }
func (Joined) RecordType() RecordType          { return RecordJoined }
func (*Proposed) RecordType() RecordType       { return RecordProposed }
func (Withdrawn) RecordType() RecordType       { return RecordWithdrawn }
func (*Decision) RecordType() RecordType       { return RecordDecided }

func (r EpochSeen) encode(w *encoder)    { w.u64(uint64(r.Epoch)) }
func (r EpochClaimed) encode(w *encoder) { w.u64(uint64(r.Epoch)) }
func (r Adopted) encode(w *encoder)      { r.Config.encode(w) }
func (r Created) encode(w *encoder)      { r.Config.encode(w) }

func (r *Prepared) encode(w *encoder) {
	w.attempt(r.Attempt)
	w.attempt(r.Parent)
	w.raw(r.Block[:])
	w.raw(r.Digest[:])
	r.Outcomes.encode(w)
	w.bytes(r.Writes)
	w.bytes(r.Pushed)
	w.u64(r.UnixMillis)
}

func (r CommittedRecord) encode(w *encoder) {
	w.attempt(r.Attempt)
	w.raw(r.Digest[:])
	w.raw(r.Root[:])
}

func (r Joined) encode(w *encoder) {
	w.u32(uint32(r.Shard))
	w.raw(r.Directory[:])
}

func (r *Proposed) encode(w *encoder) {
	w.u64(uint64(r.Height))
	w.u64(uint64(r.Epoch))
	w.bytes([]byte(r.Key))
	w.bytes([]byte(r.After))
	w.raw(r.Block[:])
	w.bytes(r.Body)
}

func (r Withdrawn) encode(w *encoder) {
	w.u64(uint64(r.Height))
	w.bytes([]byte(r.Key))
}

func (d *Decision) encode(w *encoder) {
	w.attempt(d.Attempt)
	w.attempt(d.Parent)
	w.bytes([]byte(d.Key))
	w.raw(d.Block[:])
	w.u16(uint16(len(d.Digests))) //nolint:G115 // one for a shard, at most MaxShards
	for _, s := range d.Digests {
		w.raw(s[:])
	}
	w.raw(d.Root[:])
	d.Outcomes.encode(w)
	w.u64(d.UnixMillis)
}

// EncodeRecord gives the bytes of a record, without its type.
func EncodeRecord(r Record) []byte { return AppendRecord(make([]byte, 0, RecordRoom(r)), r) }

// AppendRecord appends what EncodeRecord gives.
func AppendRecord(dst []byte, r Record) []byte {
	w := encoder{buf: dst}
	r.encode(&w)
	return w.buf
}

// RecordRoom is about how many bytes a record takes, to make room for it. What is
// large in it, a block or the writes of one, is counted exactly.
func RecordRoom(r Record) int {
	switch r := r.(type) {
	case *Prepared:
		return 256 + len(r.Writes) + len(r.Pushed)
	case *Proposed:
		return 128 + len(r.Key) + len(r.After) + len(r.Body)
	}
	return 256
}

// DecodeRecord reads what EncodeRecord wrote. Byte slices in the result alias b.
func DecodeRecord(t RecordType, b []byte) (Record, error) {
	r := decoder{buf: b}
	rec := decodeRecord(t, &r)
	if err := r.done(fmt.Sprintf("record of type %d", t)); err != nil {
		return nil, err
	}
	return rec, nil
}

// A record was written by this program and checked by the log's checksums, so
// the bound on outcomes is the widest that any configuration allows.
const maxRecordTransactions = 1_000_000

func decodeRecord(t RecordType, r *decoder) Record {
	switch t {
	case RecordEpochSeen:
		return EpochSeen{Epoch(r.u64())}
	case RecordAdopted:
		return Adopted{decodeConfig(r)}
	case RecordPrepared:
		return &Prepared{Attempt: r.attempt(), Parent: r.attempt(), Block: r.digest(), Digest: r.digest(),
			Outcomes: decodeOutcomes(r, maxRecordTransactions), Writes: r.bytes(), Pushed: r.bytes(), UnixMillis: r.u64()}
	case RecordCommitted:
		return CommittedRecord{Committed{Attempt: r.attempt(), Digest: r.digest(), Root: r.digest()}}
	case RecordCreated:
		return Created{decodeConfig(r)}
	case RecordEpoch:
		return EpochClaimed{Epoch(r.u64())}
	case RecordJoined:
		return Joined{Shard: ShardID(r.u32()), Directory: DirectoryID(r.id())}
	case RecordProposed:
		return &Proposed{Height: Height(r.u64()), Epoch: Epoch(r.u64()), Key: string(r.bytes()),
			After: string(r.bytes()), Block: r.digest(), Body: r.bytes()}
	case RecordWithdrawn:
		return Withdrawn{Height: Height(r.u64()), Key: string(r.bytes())}
	case RecordDecided:
		return decodeDecision(r)
	case RecordResolved:
		return decodeResolved(r)
	}
	r.fail("unknown type")
	return nil
}

func decodeDecision(r *decoder) *Decision {
	d := &Decision{Attempt: r.attempt(), Parent: r.attempt(), Key: string(r.bytes()), Block: r.digest()}
	d.Digests = make([]Digest, r.count(int(r.u16()), MaxShards, "shards"))
	for i := range d.Digests {
		d.Digests[i] = r.digest()
	}
	d.Root = r.digest()
	d.Outcomes = decodeOutcomes(r, maxRecordTransactions)
	d.UnixMillis = r.u64()
	return d
}
