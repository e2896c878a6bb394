package recovery

import (
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Look is what was found in one data directory.
type Look struct {
	Path               string          `json:"path"`
	Role               Role            `json:"role"`
	Shard              *uint32         `json:"shard,omitempty"`
	Cluster            string          `json:"cluster"`
	Shards             int             `json:"shards"`
	Directory          string          `json:"directory,omitempty"`
	Epoch              protocol.Epoch  `json:"epoch"`
	Height             protocol.Height `json:"height"`
	CheckpointedHeight protocol.Height `json:"checkpointed_height"`
	StateDigest        string          `json:"state_digest,omitempty"`
	Root               string          `json:"root"`
	InDoubt            []InDoubt       `json:"in_doubt,omitempty"`
	Undecided          []Undecided     `json:"undecided,omitempty"`
	// Maybe are decisions in the log of one coordinator of several that it cannot
	// tell to be committed: only the others know.
	Maybe     []MaybeDecided    `json:"maybe_decided,omitempty"`
	Joined    map[uint32]string `json:"joined,omitempty"`
	Log       Log               `json:"log"`
	FreeBytes int64             `json:"free_bytes"`
	Checked   *Checked          `json:"checked,omitempty"` // of Verify
	// Complete is false where a start would refuse, so that heights, digests and
	// attempts in doubt are only those that can be read.
	Complete bool      `json:"complete"`
	Sound    bool      `json:"sound"`
	Findings []Finding `json:"findings"`
	Notes    []string  `json:"notes,omitempty"`
}

// InDoubt is a prepared attempt whose decision the shard does not know.
type InDoubt struct {
	Height  protocol.Height `json:"height"`
	Epoch   protocol.Epoch  `json:"epoch"`
	Attempt uint32          `json:"attempt"`
	Digest  string          `json:"digest"`
	Since   time.Time       `json:"since"`
	Bytes   int             `json:"bytes"`
}

// MaybeDecided is a decision that is only known to be in one log.
type MaybeDecided struct {
	Height  protocol.Height `json:"height"`
	Block   string          `json:"block"`
	Attempt string          `json:"attempt"` // height/epoch.attempt
}

// Undecided is a block that the coordinator has taken up and not decided.
type Undecided struct {
	Height protocol.Height `json:"height"`
	Block  string          `json:"block"`
	Bytes  int             `json:"bytes"`
}

// Checked is how much was verified.
type Checked struct {
	Pairs     uint64 `json:"pairs"`     // of the database, each against its checksum
	Bytes     uint64 `json:"bytes"`     // of them
	Records   int    `json:"records"`   // of the log, each against its checksums
	Heights   int    `json:"heights"`   // whose digest, or decision, was computed anew
	Decisions int    `json:"decisions"` // that were compared with the coordinator's
}

// Progress is told how long work goes on: what is done, and how many of it so
// far. It may be called often.
type Progress func(what string, done uint64)

func (p Progress) tell(what string, done uint64) {
	if p != nil {
		p(what, done)
	}
}

func (l *Look) find(f Finding) { l.Findings = append(l.Findings, f) }

func (l *Look) note(text string) { l.Notes = append(l.Notes, text) }

// damaged takes an error of a part that was looked at: damage becomes a finding,
// unless it is known already, and anything else is given back.
func (l *Look) damaged(err error) error {
	if err == nil || InUse(err) || !IsDamage(err) {
		return err
	}
	f := findingOf(err)
	for _, known := range l.Findings {
		if known.Part == f.Part && (f.Part == PartLog || f.Part == PartDatabase || f.Part == PartHistory) {
			return nil
		}
	}
	l.find(f)
	return nil
}

// conclude draws up what follows from the findings.
func (l *Look) conclude() {
	l.Sound = len(l.Findings) == 0
	if l.Findings == nil {
		l.Findings = []Finding{}
	}
}
