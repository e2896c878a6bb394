package sim

import (
	"os"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
)

// world is one simulated cluster with its network, its clients and its
// observer. Nothing in it runs by itself.
type world struct {
	seed    uint64
	options Options
	drawn   chooser // of what the world is like
	draw    chooser // of what happens next
	trace   *trace
	counts  map[string]int
	folder  string

	now   time.Duration // since the beginning
	steps int
	calm  bool // nothing goes wrong any more, and nobody submits

	// What the seed has drawn.
	config        protocol.Config
	limit         int // steps before the faults stop
	blocks        int // most different blocks
	kinds         []Fault
	rate          int // faults in 10,000 steps
	skewed        bool
	fileLogs      bool
	weights       [numActions]int
	mostEvents    int // that one force covers
	inboxEvents   int // that wait before a node takes no more from outside
	queueMessages int // that wait on a session
	pause         time.Duration
	hurried       int           // percent of the submissions that have a deadline
	patience      time.Duration // up to the latest of them
	tickEvery     time.Duration
	lookEvery     time.Duration
	confirmEvery  time.Duration
	runner        executor.RunnerOptions
	checkpoint    state.Policy
	trimBytes     int64
	protocol      protocol.CoordinatorOptions
	again         bool // at rest, everything crashes once more

	shards        []*shard
	coordinators  []*coordinatorProcess // that run, the newest last
	incarnations  int
	processes     int
	coordinatorAt time.Duration // when the next is started, if none runs
	decisions     *decisionDisk
	newest        *archive // history of the newest incarnation
	sessions      []*session
	streams       []*stream
	peerWays      []way
	faults        int // ordinals given

	clients  []*client
	contents []*content // by number
	waiters  protocol.Waiter
	asked    map[string][]*submission
	operator *operator // nil if there is none

	// The observer.
	reference *reference
	decided   []decided
	keys      map[string]protocol.Height
	acts      map[string]int  // of operators, that are recorded, by block key
	givenUp   map[string]bool // blocks that operators had withdrawn
	attempts  map[protocol.AttemptID][2]any
	calmly    map[protocol.AttemptID]bool // attempts that began after the last fault, under the newest coordinator
	reads     int
	settled   int // steps that it took to come to rest, at most
	settledIn time.Duration

	views   []*openView
	scratch []action
}

// newWorld draws a world.
func newWorld(seed uint64, o Options) (*world, error) {
	w := &world{
		seed: seed, options: o, drawn: newChooser(seed, streamWorld, 0), draw: newChooser(seed, streamSteps, 0), counts: map[string]int{},
		asked: map[string][]*submission{}, keys: map[string]protocol.Height{}, attempts: map[protocol.AttemptID][2]any{},
		acts: map[string]int{}, givenUp: map[string]bool{}, calmly: map[protocol.AttemptID]bool{},
	}
	w.trace = newTrace(w, o.Trace)
	var err error
	if w.folder, err = os.MkdirTemp(folderFor(o), "lockstep-sim-"); err != nil {
		return nil, err
	}
	w.design()
	w.reference = newReference(w.config.Slots)
	w.decisions = newDecisionDisk(w)
	w.newest = &archive{
		meta: history.Meta{Config: w.config, Log: history.LogPosition{ID: w.config.Cluster, Keep: 1}},
		keys: map[string]protocol.Height{},
	}
	return w, nil
}

// memoryFolder is a file system in memory on most systems with Linux.
const memoryFolder = "/dev/shm"

func folderFor(o Options) string {
	if o.Folder != "" {
		return o.Folder
	}
	if info, err := os.Stat(memoryFolder); err == nil && info.IsDir() {
		return memoryFolder
	}
	return os.TempDir()
}

func makeFolder(path string) error { return os.MkdirAll(path, 0o700) }

// begin starts all processes and clients.
func (w *world) begin() {
	for i := range w.config.Shards() {
		w.shards = append(w.shards, w.newShard(i))
	}
	w.peerWays = make([]way, len(w.shards)*len(w.shards))
	for _, s := range w.shards {
		s.start()
	}
	w.startCoordinator()
	for i := range 2 + w.drawn.IntN(7) {
		w.clients = append(w.clients, w.newClient(i))
	}
	if w.operated() {
		w.operator = w.newOperator()
	}
}

// close lets go of all files.
func (w *world) close() {
	for _, s := range w.shards {
		if s.process != nil && s.process.store != nil {
			_ = s.process.store.Close()
		}
		if s.disk.files != nil && s.disk.files.log != nil {
			_ = s.disk.files.log.Close()
		}
	}
	_ = os.RemoveAll(w.folder)
}

func (w *world) count(what string) { w.counts[what]++ }

func (w *world) place(p *process, start int) Place {
	w.processes++
	return Place{Start: start, Rand: newChooser(w.seed, streamWraps, w.processes).Rand, Count: func(what string) { w.count(what) }}
}

// endSessions ends one side of the sessions for which side gives it.
func (w *world) endSessions(side func(*session) *sessionEnd) {
	for _, t := range w.sessions {
		if end := side(t); end != nil && !end.over {
			t.leave(end, w.draw)
		}
	}
}

// tidy forgets what is over.
func (w *world) tidy() {
	sessions := w.sessions[:0]
	for _, t := range w.sessions {
		if !t.done() {
			sessions = append(sessions, t)
		}
	}
	clear(w.sessions[len(sessions):])
	w.sessions = sessions
	streams := w.streams[:0]
	for _, t := range w.streams {
		if !t.done() {
			streams = append(streams, t)
		}
	}
	clear(w.streams[len(streams):])
	w.streams = streams
}
