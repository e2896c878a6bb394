package recovery

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// Log is what was found in the log of a data directory.
type Log struct {
	ID       string    `json:"id"`
	First    uint64    `json:"first"` // 0 if the log is damaged
	Last     uint64    `json:"last"`
	Floor    uint64    `json:"floor"` // what stood before was trimmed
	Mark     uint64    `json:"mark"`  // known to be acknowledged up to here
	Bytes    int64     `json:"bytes"`
	Count    int       `json:"record_count"`
	Segments []Segment `json:"segments,omitempty"`
	Records  []Record  `json:"records,omitempty"` // if they were asked for
	Repairs  []string  `json:"repairs,omitempty"` // what a start would mend
}

// Segment is one file of the log.
type Segment struct {
	File     string `json:"file"`
	First    uint64 `json:"first"` // sequence of its first sound record; 0 if there is none
	Last     uint64 `json:"last"`
	Records  int    `json:"records"`
	Bytes    int64  `json:"bytes"`
	Problems int    `json:"problems"`
}

// Record is one record of a log, or a stretch of it that cannot be read.
type Record struct {
	Sequence uint64          `json:"sequence"`
	File     string          `json:"file"`
	Offset   int64           `json:"offset"`
	Bytes    int64           `json:"bytes"`
	Type     string          `json:"type"`
	Height   protocol.Height `json:"height,omitempty"`
	Attempt  string          `json:"attempt,omitempty"` // height/epoch.attempt
	Text     string          `json:"text,omitempty"`
	Problem  string          `json:"problem,omitempty"`
}

// promise is what one record of a shard's log says about one attempt.
type promise struct {
	sequence  uint64
	committed bool // else prepared
	attempt   protocol.AttemptID
	digest    protocol.Digest
	root      protocol.Digest // if committed
}

// logFacts are what the records of a log say, whatever a start makes of them.
type logFacts struct {
	config   protocol.Config // zero if it is not in the log
	epoch    protocol.Epoch  // highest
	promises []promise
	highest  *protocol.Committed // commit; nil if there is none
	prepared map[protocol.Height]InDoubt
}

// logReader collects what a scan comes across.
type logReader struct {
	look     *Look
	records  bool
	progress Progress
	facts    logFacts
	bad      uint64 // problems that were found
	problems []Finding
}

// readLog reads the log of a directory into the look. Damage is in the
// findings; the error is about anything else.
func (l *Look) readLog(records bool, progress Progress) (logFacts, error) {
	r := &logReader{look: l, records: records, progress: progress, facts: logFacts{prepared: map[protocol.Height]InDoubt{}}}
	summary, err := wal.Scan(filepath.Join(l.Path, logDirectory), r.visit)
	if err != nil && !IsDamage(err) {
		return r.facts, err
	}
	l.Log.fill(summary)
	switch {
	case err != nil: // a format that is not known: nothing can be read
		l.find(findingOf(err))
	case summary.Verdict != nil:
		l.find(findingOf(summary.Verdict))
		r.reportProblems(summary.Verdict)
	}
	for _, mend := range l.Log.Repairs {
		l.note("a start will mend: " + mend)
	}
	return r.facts, nil
}

func (l *Log) fill(s wal.Summary) {
	if s.ID != (wal.ID{}) {
		l.ID = s.ID.String()
	}
	l.First, l.Last, l.Floor, l.Mark = s.First, s.Last, s.Floor, s.Mark
	l.Bytes, l.Count = s.Bytes, s.Frames
	for _, r := range s.Repairs {
		l.Repairs = append(l.Repairs, r.String())
	}
}

func (r *logReader) visit(f wal.Found) error {
	s := r.segment(f.File)
	s.Bytes += f.Bytes
	if f.Problem != nil {
		s.Problems++
		r.problem(f)
		return nil
	}
	if s.Records == 0 {
		s.First = f.Seq
	}
	s.Last = f.Seq
	s.Records++
	read := r.ofShard
	if r.look.Role == RoleCoordinator {
		read = r.ofCoordinator
	}
	if err := read(f); err != nil {
		r.look.find(Finding{Part: PartLog, What: fmt.Sprintf("record %d: %v", f.Seq, err), Do: doOrder})
	}
	r.progress.tell("records of the log", f.Seq)
	return nil
}

// ofShard takes a record of a shard.
func (r *logReader) ofShard(f wal.Found) error {
	rec, err := protocol.DecodeRecord(protocol.RecordType(f.Record.Type), f.Record.Data)
	r.facts.add(f.Seq, rec)
	r.list(recordOf(f, rec))
	return err
}

// ofCoordinator takes an entry of the replicated log, which may hold many
// records.
func (r *logReader) ofCoordinator(f wal.Found) error {
	entry, err := replica.ReadRecord(f.Record)
	if err != nil {
		r.list(recordOf(f, nil))
		return err
	}
	for _, item := range entry.Items {
		rec, _ := item.(protocol.Record) // what replicas write for themselves is listed only
		r.facts.add(f.Seq, rec)
	}
	r.list(entryOf(f, entry))
	return nil
}

func (r *logReader) list(rec Record) {
	if r.records {
		r.look.Log.Records = append(r.look.Log.Records, rec)
	}
}

func (r *logReader) segment(file string) *Segment {
	all := &r.look.Log.Segments
	if n := len(*all); n == 0 || (*all)[n-1].File != file {
		*all = append(*all, Segment{File: file})
	}
	return &(*all)[len(*all)-1]
}

func (r *logReader) problem(f wal.Found) {
	if r.records {
		r.look.Log.Records = append(r.look.Log.Records, Record{
			Sequence: f.Seq, File: f.File, Offset: f.Offset, Bytes: f.Bytes, Type: "unreadable", Problem: f.Problem.Error(),
		})
	}
	if r.bad++; r.bad <= mostFindings {
		r.problems = append(r.problems, Finding{Part: PartLog, Do: doLog,
			What: fmt.Sprintf("%s at byte %d, %d bytes, expecting sequence %d: %v", f.File, f.Offset, f.Bytes, f.Seq, f.Problem)})
	}
}

// reportProblems adds what the scan found beside what the verdict says.
func (r *logReader) reportProblems(verdict error) {
	var known *wal.DamageError
	if !errors.As(verdict, &known) {
		known = &wal.DamageError{}
	}
	at := fmt.Sprintf("%s at byte %d,", known.Segment, known.Offset)
	for _, f := range r.problems {
		if len(f.What) < len(at) || f.What[:len(at)] != at {
			r.look.find(f)
		}
	}
	if r.bad > mostFindings {
		r.look.find(Finding{Part: PartLog, What: fmt.Sprintf("%d more stretches cannot be read", r.bad-mostFindings), Do: doLog})
	}
}

func (f *logFacts) add(seq uint64, rec protocol.Record) {
	switch rec := rec.(type) {
	case protocol.Adopted:
		f.config = rec.Config
	case protocol.Created:
		f.config = rec.Config
	case protocol.EpochSeen:
		f.epoch = max(f.epoch, rec.Epoch)
	case protocol.EpochClaimed:
		f.epoch = max(f.epoch, rec.Epoch)
	case *protocol.Prepared:
		f.promises = append(f.promises, promise{sequence: seq, attempt: rec.Attempt, digest: rec.Digest})
		f.prepare(rec)
	case protocol.CommittedRecord:
		f.promises = append(f.promises, promise{sequence: seq, committed: true, attempt: rec.Attempt, digest: rec.Digest, root: rec.Root})
		if f.highest == nil || rec.Height() > f.highest.Height() {
			f.highest = &rec.Committed
		}
		delete(f.prepared, rec.Height())
	}
}

// prepare erases what was prepared at the height and above, as a replay does
// (rule S2).
func (f *logFacts) prepare(p *protocol.Prepared) {
	for h := range f.prepared {
		if h >= p.Attempt.Height {
			delete(f.prepared, h)
		}
	}
	f.prepared[p.Attempt.Height] = inDoubtOf(p)
}
