package protocol

import "crypto/sha256"

// Resolved is what was done for an operator. Its record is forced before it is.
type Resolved struct {
	Height   Height
	Attempt  AttemptID // live or decided at that moment; zero for none
	Key      string
	Action   ResolveAction
	By       string
	Comment  string
	Evidence Digest // of what was known of the block, as BlockStatus.Evidence
	What     string // was done, one sentence that begins with a verb
	// UnixMillis is when, by the coordinator's clock; for people only.
	UnixMillis uint64
}

// RecordType is that of a Resolved record.
func (*Resolved) RecordType() RecordType { return RecordResolved }

func (r *Resolved) encode(w *encoder) {
	w.u64(uint64(r.Height))
	w.attempt(r.Attempt)
	w.bytes([]byte(r.Key))
	w.u8(uint8(r.Action))
	w.bytes([]byte(r.By))
	w.bytes([]byte(r.Comment))
	w.raw(r.Evidence[:])
	w.bytes([]byte(r.What))
	w.u64(r.UnixMillis)
}

func decodeResolved(r *decoder) *Resolved {
	return &Resolved{Height: Height(r.u64()), Attempt: r.attempt(), Key: string(r.bytes()), Action: ResolveAction(r.u8()),
		By: string(r.bytes()), Comment: string(r.bytes()), Evidence: r.digest(), What: string(r.bytes()), UnixMillis: r.u64()}
}

// Evidence is a digest of what is known of a block: its place, its attempt, and
// who has voted with what.
func (b BlockStatus) Evidence() Digest {
	var w encoder
	w.u64(uint64(b.Height))
	w.attempt(b.Attempt)
	w.bytes([]byte(b.Key))
	w.raw(b.Block[:])
	w.u32(uint32(len(b.Votes)))
	for _, v := range b.Votes {
		if v == nil {
			w.u8(0)
			continue
		}
		w.u8(1)
		w.raw(v.Digest[:])
		v.Outcomes.encode(&w)
	}
	return sha256.Sum256(w.buf)
}
