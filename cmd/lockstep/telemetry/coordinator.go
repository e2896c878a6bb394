package telemetry

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// CoordinatorSource is a coordinator that is measured.
type CoordinatorSource interface {
	Status() *coordinator.Status
	Figures() coordinator.Figures
	Group() replica.Status
	// Latest gives the members as the leader found them last; none elsewhere.
	Latest() []*wirepb.CoordinatorStatus
}

// Coordinator has the metrics of a coordinator. Watch goes into its options,
// Registry serves it once it is open.
type Coordinator struct {
	common
	watch *CoordinatorWatch
}

// NewCoordinator makes the metrics of a coordinator that is yet to be opened.
func NewCoordinator(b cli.Build) *Coordinator {
	c := newCommon(b)
	return &Coordinator{common: c, watch: newCoordinatorWatch(time.Now, c.notes)}
}

// Watch gives what watches an incarnation that begins now. There is one at a time.
func (c *Coordinator) Watch() coordinator.Observer {
	c.watch.begin()
	return c.watch
}

// Registry has everything that /metrics shows.
func (c *Coordinator) Registry(of CoordinatorSource) *prometheus.Registry {
	read := newLook(func() coordinatorLook { return lookAtCoordinator(of) }, coordinatorReadings()...)
	return registry(append(append(c.common.collectors(), c.watch.collectors()...), read)...)
}

// coordinatorLook is one look at a coordinator.
type coordinatorLook struct {
	*coordinator.Status
	coordinator.Figures
	group   replica.Status
	members []*wirepb.CoordinatorStatus
}

func lookAtCoordinator(of CoordinatorSource) coordinatorLook {
	return coordinatorLook{of.Status(), of.Figures(), of.Group(), of.Latest()}
}

func (l coordinatorLook) height() float64 {
	if l.Decided == nil {
		return 0
	}
	return float64(l.Decided.Height())
}

func (l coordinatorLook) leads() bool { return l.group.Role == replica.RoleLeader }

func coordinatorReadings() []reading[coordinatorLook] {
	type at = coordinatorLook
	return []reading[at]{
		gauge("height", "Newest decided height.", at.height),
		gauge("kept_height", "Height up to which the history has the decisions.", func(l at) float64 { return float64(l.Kept) }),
		gauge("epoch", "Epoch of this coordinator.", func(l at) float64 { return float64(l.Epoch) }),
		gauge("quarantined", "1 if the daemon found proof of divergence or damage and serves no more.", func(l at) float64 { return oneIf(l.Quarantine != nil) }),
		gauge("ended", "1 if this coordinator leads and decides nothing more: it was quarantined, stepped down, or its log failed.", func(l at) float64 { return oneIf(l.Ended != "") }),

		gauge("queued_blocks", "Blocks taken up and not decided.", func(l at) float64 { return float64(l.Queued + len(l.InFlight)) }),
		gauge("queued_bytes", "Bytes of the blocks taken up and not decided.", func(l at) float64 { return float64(l.QueueBytes) }),
		gauge("in_flight_blocks", "Blocks in the window: those that are tried, or would be if all shards were there.", func(l at) float64 { return float64(len(l.InFlight)) }),
		gauge("inbox_events", "Events that wait to be handled.", func(l at) float64 { return float64(l.InboxEvents) }),

		gauges("shard_connected", "1 if the shard has a session with this coordinator, which leads.", []string{"shard"}, eachShard(func(l at, i int) float64 {
			return oneIf(l.Shards[i].Connected)
		})),
		gauges("shard_refused", "1 if the shard is refused or quarantined, as this coordinator, which leads, sees it.", []string{"shard"}, eachShard(func(l at, i int) float64 {
			return oneIf(l.Shards[i].Rejected != nil || l.Shards[i].Quarantined != "")
		})),
		gauges("shard_committed_height", "Committed height of the shard, as this coordinator, which leads, has heard of it.", []string{"shard"}, eachShard(func(l at, i int) float64 {
			return float64(l.Shards[i].Committed)
		})),

		gauge("leader", "1 if this coordinator leads.", func(l at) float64 { return oneIf(l.leads()) }),
		gauge("leader_known", "1 if this coordinator leads, or knows who does.", func(l at) float64 { return oneIf(l.group.Leader.Name != "") }),
		gauge("leader_contact_age_seconds", "How long ago a follower heard of its leader; 0 on the leader.", func(l at) float64 { return l.group.Contact.Seconds() }),
		gauge("term", "Term of the group of coordinators.", func(l at) float64 { return float64(l.group.Term) }),
		gauge("members", "Coordinators of the group that have a vote, by what this one knows.", func(l at) float64 { return float64(len(l.group.Members) - len(l.group.Learners)) }),
		gauge("last_index", "Last entry in the replicated log of this coordinator.", func(l at) float64 { return float64(l.group.Last) }),
		gauge("committed_index", "Last entry of the replicated log that this coordinator knows to be on a majority.", func(l at) float64 { return float64(l.group.Committed) }),
		gauge("applied_index", "Last entry of the replicated log that this coordinator has applied.", func(l at) float64 { return float64(l.group.Applied) }),
		gauges("member_behind_entries", "Entries of the replicated log that a coordinator is behind, as its leader sees it.", []string{"member"}, eachMember(func(m *wirepb.CoordinatorStatus) float64 {
			return float64(m.GetBehind())
		})),
		gauges("member_learner", "1 if a coordinator gets the log and has no vote yet, as its leader sees it.", []string{"member"}, eachMember(func(m *wirepb.CoordinatorStatus) float64 {
			return oneIf(m.GetRole() == wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER)
		})),
		gauges("member_away", "1 if a coordinator does not answer its leader, is refused, or takes no part.", []string{"member"}, eachMember(func(m *wirepb.CoordinatorStatus) float64 {
			return oneIf(away(m.GetState()))
		})),

		gauge("obstructed", "1 while there is too little free space to take work up.", func(l at) float64 { return oneIf(l.Obstructed) }),
		gauge("free_bytes", "Free space where the daemon keeps its data; -1 if it cannot be told.", func(l at) float64 { return float64(l.FreeBytes) }),
		gauge("min_free_bytes", "Free space below which the daemon takes no work up; 0 for none.", func(l at) float64 { return float64(l.MinFreeBytes) }),
		gauge("log_bytes", "Size of the log on disk.", func(l at) float64 { return float64(l.group.LogBytes) }),
		gauge("database_bytes", "Size of the database on disk; -1 if it cannot be told.", func(l at) float64 { return float64(l.DatabaseBytes) }),
		sum("fsyncs_total", "How often the daemon has forced its files to disk.", func(l at) float64 { return float64(l.Fsyncs) }),
	}
}

func away(s wirepb.CoordinatorState) bool {
	return s == wirepb.CoordinatorState_COORDINATOR_STATE_UNREACHABLE || s == wirepb.CoordinatorState_COORDINATOR_STATE_REFUSED ||
		s == wirepb.CoordinatorState_COORDINATOR_STATE_OUTSIDE
}

// eachShard reads something of every shard, on the leader alone: nobody else has
// sessions with them.
func eachShard(read func(coordinatorLook, int) float64) func(coordinatorLook, emit) {
	return func(l coordinatorLook, emit emit) {
		if !l.leads() {
			return
		}
		for i := range l.Shards {
			emit(read(l, i), strconv.Itoa(i))
		}
	}
}

func eachMember(read func(*wirepb.CoordinatorStatus) float64) func(coordinatorLook, emit) {
	return func(l coordinatorLook, emit emit) {
		for _, m := range l.members {
			emit(read(m), m.GetName())
		}
	}
}
