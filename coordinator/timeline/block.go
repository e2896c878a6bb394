package timeline

import (
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// block is one block, live or over.
type block struct {
	key          string
	id           protocol.Digest
	height       protocol.Height // 0 before its first attempt
	transactions int
	waiter       protocol.Waiter // of the first client that waits for it here
	taken        time.Time
	end          wirepb.TimelineEnd
	reason       string
	attempts     []*attempt // the newest last
	total        uint32     // attempts it has had
	voted        time.Time
	decided      time.Time
	committed    time.Time
	outcomes     map[string]int
}

// attempt is one attempt of a block.
type attempt struct {
	id      protocol.AttemptID
	began   time.Time
	givenUp time.Time
	reason  string
	votes   []vote
}

// vote is one answer to an attempt.
type vote struct {
	shard    protocol.ShardID
	at       time.Time
	prepared bool
	digest   protocol.Digest
	reason   string
}

// attempt is the newest attempt of a block that has had one.
func (b *block) attempt() *attempt { return b.attempts[len(b.attempts)-1] }
