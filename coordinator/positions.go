package coordinator

import (
	"sync"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Positions knows where in the log the records stand that a restart or a
// resync may still need, so that the log can be trimmed before them (C7).
// It is safe for concurrent use.
type Positions struct {
	mu       sync.Mutex
	proposed map[string]uint64          // by block key: undecided blocks
	decided  map[protocol.Height]uint64 // lowest record of a decided height
	epoch    protocol.Epoch
	joined   map[protocol.ShardID]protocol.DirectoryID
}

func newPositions() *Positions {
	return &Positions{
		proposed: map[string]uint64{}, decided: map[protocol.Height]uint64{},
		joined: map[protocol.ShardID]protocol.DirectoryID{},
	}
}

// append has the records written, and notes where. The lock is held meanwhile,
// so that nobody computes what to keep while the log holds a record that is
// not noted yet.
func (p *Positions) append(records []protocol.Record, write func() (first uint64, err error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	first, err := write()
	if err != nil {
		return err
	}
	for i, r := range records {
		p.add(r, first+uint64(i))
	}
	return nil
}

func (p *Positions) add(r protocol.Record, at uint64) {
	switch r := r.(type) {
	case protocol.EpochClaimed:
		p.epoch = max(p.epoch, r.Epoch)
	case protocol.Joined:
		p.joined[r.Shard] = r.Directory
	case *protocol.Proposed:
		p.proposed[r.Key] = at
	case protocol.Withdrawn:
		delete(p.proposed, r.Key)
	case *protocol.Decision:
		if proposed, ok := p.proposed[r.Key]; ok {
			at = min(at, proposed)
			delete(p.proposed, r.Key)
		}
		p.decided[r.Height()] = at
	}
}

// keep gives the first position still needed if decisions below a height are
// not; end is the position after the last record.
func (p *Positions) keep(lowest protocol.Height, end uint64) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	for h, at := range p.decided {
		if h < lowest {
			delete(p.decided, h)
			continue
		}
		end = min(end, at)
	}
	for _, at := range p.proposed {
		end = min(end, at)
	}
	return end
}

// standing gives what the log says of epoch and shards.
func (p *Positions) standing() (protocol.Epoch, map[protocol.ShardID]protocol.DirectoryID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	joined := make(map[protocol.ShardID]protocol.DirectoryID, len(p.joined))
	for s, d := range p.joined {
		joined[s] = d
	}
	return p.epoch, joined
}
