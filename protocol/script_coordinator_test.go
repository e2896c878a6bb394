package protocol

import (
	"fmt"
	"strings"
	"time"
)

// scriptCoordinator drives a coordinator with a disk.
type scriptCoordinator struct {
	*printer
	config  Config
	options CoordinatorOptions
	disk    coordinatorDisk
	c       *Coordinator
	now     time.Time
	known   map[Digest]*Block
	decided map[Height]*Decision
	sent    []Envelope
}

func newScriptCoordinator(p *printer, args line) *scriptCoordinator {
	return &scriptCoordinator{
		printer: p, config: testConfig("c1", args.int("shards", 2)),
		options: CoordinatorOptions{Window: args.int("window", 2), QueueBlocks: args.int("queue-blocks", 0), QueueBytes: int64(args.int("queue-bytes", 0))},
		now:     time.Unix(0, 0), known: map[Digest]*Block{}, decided: map[Height]*Decision{},
	}
}

// start takes the records as given, after lines "history 2/1.1 1/1.1 b =5 =7" for
// what the history holds; a snapshot says no more than that then. Without any, it
// is a new cluster.
func (s *scriptCoordinator) start(contents []line) {
	if len(contents) == 0 {
		s.disk.log.append([]Record{Created{s.config}}, true)
	}
	for _, l := range contents {
		if l.verb == "history" {
			s.disk.holds(s.config, s.decision(l))
			continue
		}
		s.disk.log.append([]Record{s.record(l)}, true)
	}
	s.restart()
}

// record reads a record of the coordinator's log:
//
//	created | claim e2 | joined shard=0 | proposed 1 a | withdrawn 1 a | decision 1/1.1 none a =5 =7
func (s *scriptCoordinator) record(l line) Record {
	switch l.verb {
	case "created":
		return Created{testConfig(l.string("cluster", "c1"), s.config.Shards())}
	case "claim":
		return EpochClaimed{*l.epoch}
	case "joined":
		return Joined{ShardID(l.int("shard", 0)), DirectoryID(named(l.string("dir", fmt.Sprintf("dir%d", l.int("shard", 0)))))}
	case "proposed":
		b := s.block(l.words[1], l)
		return &Proposed{Height: Height(parseNumber(l.words[0])), Epoch: 1, Key: b.Key, After: l.string("after", ""), Block: b.ID, Body: b.Body}
	case "withdrawn":
		return Withdrawn{Height(parseNumber(l.words[0])), l.words[1]}
	case "decision":
		return s.decision(l)
	case "adopted":
		return Adopted{s.config}
	}
	panic("unknown record " + l.text)
}

// decision makes one whose digests are the last word's list: =5,7.
func (s *scriptCoordinator) decision(l line) *Decision {
	b := s.block(l.words[0], l)
	d := &Decision{Attempt: l.attempt(), Parent: l.parent(), Key: b.Key, Block: b.ID, Outcomes: NewOutcomes(b.Transactions)}
	for _, digest := range strings.Split(l.string("digests", "5,7"), ",") {
		d.Digests = append(d.Digests, parseDigest(digest))
	}
	var below Digest
	if p := s.decided[d.Height()-1]; p != nil {
		below = p.Root
	}
	d.Root = ChainRoot(below, d.Height(), d.Block, d.Digests)
	if root, ok := l.options["root"]; ok {
		d.Root = parseDigest(root)
	}
	s.decided[d.Height()] = d
	return d
}

// block makes a block named by its key, with what the words say:
//
//	(nothing)   one transaction per shard, each on that shard alone
//	shared      one transaction that every shard executes
//	supplies    one transaction that shard 0 executes, the others supply values
//	wide        200 transactions on each shard
//	empty       no transaction
//	content=x bytes=10
func (s *scriptCoordinator) block(key string, l line) *Block {
	body := []byte(l.string("content", "") + strings.Repeat(".", l.int("bytes", 0)))
	b := &Block{Key: key, ID: BlockID(key, body), Body: body, Parts: make([]Part, s.config.Shards())}
	for i := range b.Parts {
		switch {
		case l.has("empty"):
		case l.has("shared") || l.has("supplies"):
			b.Transactions = 1
			b.add(i, 0, l.has("shared") || i == 0)
		case l.has("wide"):
			for n := range 200 {
				b.add(i, i*200+n, true)
			}
		default:
			b.add(i, i, true)
		}
	}
	s.known[b.ID], s.blocks[b.ID] = b, key
	return b
}

// add puts a transaction on a shard.
func (b *Block) add(shard, index int, executes bool) {
	p := &b.Parts[shard]
	p.Indexes, p.Executes = append(p.Indexes, uint32(index)), append(p.Executes, executes)
	b.Transactions = max(b.Transactions, index+1)
}

func (s *scriptCoordinator) restart() {
	s.c = nil
	state, err := s.disk.recover()
	if err != nil {
		s.printf("does not start: %v", err)
		return
	}
	for _, d := range append(state.Older, state.Decisions...) {
		s.decided[d.Height()] = d
	}
	blocks := make([]*Block, len(state.Pending))
	for i, p := range state.Pending {
		blocks[i] = s.known[p.Block]
		s.printf("pending %d %s", p.Height, p.Key)
	}
	c, e, err := NewCoordinator(state, state.Epoch+1, blocks, s.options)
	if err != nil {
		s.printf("does not start: %v", err)
		return
	}
	s.c = c
	s.carryOut(e, nil)
}

func (s *scriptCoordinator) do(l line) bool {
	if s.node(l) {
		return true
	}
	ev := s.event(l)
	if ev == nil {
		return false
	}
	s.carryOut(s.c.Step(ev))
	return true
}

// node carries out what is no event of the machine:
//
//	status
//	crash [keep=1]     all but the first unforced records are lost; a new epoch begins
//	taken-over         another incarnation claims the log
//	history height=2 [trim]   decisions are moved into the history, the log into a snapshot
//	log                what a restart reads behind the snapshot
func (s *scriptCoordinator) node(l line) bool {
	switch l.verb {
	case "status":
		s.coordinator(s.c.Status())
	case "crash":
		s.disk.log.crash(l.int("keep", 0))
		s.restart()
	case "taken-over":
		s.disk.owner = s.c.epoch + 1
	case "history":
		s.disk.keepHistory(s.c, Height(l.int("height", 0)))
		s.carryOut(s.c.Step(HistoryKept{Height(l.int("height", 0))}))
		if l.has("trim") {
			s.disk.trim(s.c, s.disk.log.forced)
		}
	case "log":
		if s.disk.kept > 0 {
			s.printf("  history up to height %d, needed from %d on", s.disk.kept, s.disk.needed)
		}
		for i, r := range s.disk.log.records {
			mark := ""
			if i >= s.disk.log.forced {
				mark = " (not forced)"
			}
			s.printf("  %s%s", s.printer.record(r.decode()), mark)
		}
	default:
		return false
	}
	return true
}

// carryOut does what a node does: a log that refuses stops everything below.
func (s *scriptCoordinator) carryOut(e Effects, err error) {
	if len(e.Persist) > 0 || e.Force {
		if refused := s.disk.append(s.c.epoch, e.Persist, e.Force); refused != nil {
			s.printf("  the log refuses: %v", refused)
			e, err = s.c.Step(Fenced{refused.Error()})
		}
	}
	s.effects(e, err)
	for _, d := range e.Decided {
		s.decided[d.Height()] = d
	}
	s.sent = append(s.sent, e.Send...)
}
