package guard

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol/outage"
)

// Reason names the limit beyond which somebody went, or the rule that it broke.
type Reason string

// All reasons.
const (
	TooMany       Reason = "connections"      // in all
	TooManyOfPeer Reason = "peer_connections" // of one peer
	TooManyOpen   Reason = "opening"          // not yet opened, of one address
	TooManyNew    Reason = "new_connections"  // per second, of one address
	TooManyCalls  Reason = "calls"            // under way, in all or of one peer
	OtherHost     Reason = "host"             // a page of loopback, by the name of another site
	Resets        Reason = "resets"           // calls taken back
	Frames        Reason = "frames"           // that bring next to nothing
	Memory        Reason = "memory"           // held for one peer, while there is too little
	SlowSender    Reason = "slow_sender"      // a message stays incomplete
	SlowReader    Reason = "slow_reader"      // an answer is not taken
	Compressed    Reason = "compressed"       // a message that would have to be unpacked
	Elements      Reason = "elements"         // parts of one message
	Oversize      Reason = "oversize"         // a message longer than its method needs
	TooManyReads  Reason = "reads"            // per second, of one peer
	TooManyPages  Reason = "pages"            // per second, of one address; under way, in all or of one peer
)

// Reasons lists them.
func Reasons() []Reason {
	return []Reason{TooMany, TooManyOfPeer, TooManyOpen, TooManyNew, TooManyCalls, Resets, Frames, Memory, SlowSender, SlowReader, Compressed, Elements, Oversize, TooManyReads, TooManyPages, OtherHost}
}

// Refusals counts who went beyond a limit, and logs it sparingly, each reason as a
// trouble of its own. It is safe for concurrent use; several ports may share one. A nil
// one does nothing.
type Refusals struct {
	troubles *outage.Group

	mu    sync.Mutex
	count map[Reason]uint64
}

// NewRefusals makes a count of zeros. A nil logger logs nothing.
func NewRefusals(logger hclog.Logger) *Refusals {
	if logger == nil {
		logger = hclog.NewNullLogger()
	}
	r := &Refusals{troubles: outage.NewGroup(logger, time.Now), count: map[Reason]uint64{}}
	for _, reason := range Reasons() {
		r.count[reason] = 0
	}
	return r
}

// Counts gives how often each limit was met.
func (rs *Refusals) Counts() map[Reason]uint64 {
	if rs == nil {
		return nil
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return maps.Clone(rs.count)
}

// Add notes that somebody, who wanted something, went beyond a limit; the sentence says
// which one.
func (rs *Refusals) Add(reason Reason, from, wanted, format string, args ...any) {
	if rs == nil {
		return
	}
	rs.troubles.Of(string(reason)).Warn("refused a peer", "from", from, "wanted", wanted, "refusal", reason, "reason", fmt.Sprintf(format, args...))
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.count[reason]++
}
