package coordinator

import (
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/outage"
)

// lookInterval is how often a teller looks whether the shards are there.
const lookInterval = time.Second

// teller writes what a node notes into the log. Its clock is that of the ticks the
// machine gets.
type teller struct {
	logger   hclog.Logger
	now      time.Time // of the last tick; zero before the first
	looked   time.Time // at the shards; zero before the first tick
	refused  *outage.Group
	shards   *outage.Group
	aborts   *outage.Log
	withdraw *outage.Log
}

func newTeller(logger hclog.Logger) *teller {
	t := &teller{logger: logger}
	clock := func() time.Time { return t.now }
	t.refused, t.shards = outage.NewGroup(logger, clock), outage.NewGroup(logger, clock)
	t.aborts, t.withdraw = outage.New(logger, clock), outage.New(logger, clock)
	return t
}

// note tells of one note.
func (t *teller) note(n protocol.Note) {
	switch n.Kind {
	case protocol.NoteRejected: // a shard that is refused dials again for ever
		t.refused.Of(gist(n.Text)).Error("a shard is refused and may try again", "reason", n.Text)
	case protocol.NoteWithdrawn:
		t.withdraw.Warn("a block was withdrawn, and its client told", "height", n.Attempt.Height, "reason", n.Text)
	case protocol.NoteAborted:
		t.aborts.Warn("an attempt was aborted", "height", n.Attempt.Height, "attempt", n.Attempt, "reason", n.Text)
	case protocol.NoteResolved: // a person asked for it, once
		t.logger.Warn("an operator resolves a block", "change", n.Text)
	case protocol.NoteJoined:
		t.logger.Info("a new shard", "change", n.Text)
	default:
		t.logger.Debug("noted", "kind", n.Kind, "height", n.Attempt.Height, "attempt", n.Attempt, "reason", n.Text)
	}
}

// gist is what a refusal is about, without what a shard can make up anew each time,
// such as heights, digests and words of its own: else one that lies would have a line
// in the log for every lie.
func gist(text string) string {
	words := strings.Fields(text)
	kept := words[:min(len(words), 2)] // that is the shard, in most
	for _, word := range words[len(kept):] {
		if len(word) <= 16 && !strings.ContainsAny(word, "0123456789") {
			kept = append(kept, word)
		}
		if strings.HasSuffix(word, ":") {
			break
		}
	}
	return strings.Join(kept, " ")
}

// decided tells that blocks come through again.
func (t *teller) decided(d *protocol.Decision) {
	t.aborts.Over("blocks come through without aborts again", "height", d.Height())
	t.withdraw.Over("blocks are decided again", "height", d.Height())
}

// tick has the time go on, and says from time to time who is there.
func (t *teller) tick(now time.Time, status func() protocol.CoordinatorStatus) {
	if t.looked.IsZero() {
		t.looked = now // shards need a moment to come
	}
	if t.now = now; now.Sub(t.looked) < lookInterval {
		return
	}
	t.looked = now
	for i, s := range status().Shards {
		t.shard(protocol.ShardID(i), s)
	}
}

func (t *teller) shard(id protocol.ShardID, s protocol.ShardStatus) {
	trouble := t.shards.Of(strconv.Itoa(int(id)))
	switch {
	case s.Quarantined != "":
		trouble.Error("a shard is quarantined, and nothing is committed: stop it, and run lockstep recover verify on its data directory", "shard", id, "reason", s.Quarantined)
	case s.Connected:
		trouble.Over("the shard is back", "shard", id, "address", s.Address)
	case s.Rejected != nil:
		trouble.Error("a shard is refused, and nothing is committed", "shard", id, "reason", s.Rejected.Reason)
	default:
		trouble.Warn("a shard is away, no attempt begins without it: see that it runs and can reach this coordinator", "shard", id, "address", s.Address)
	}
}
