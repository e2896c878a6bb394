package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// ShardSource is a shard that is measured; *executor.Shard is one.
type ShardSource interface {
	Status() *executor.Status
	State() wirepb.ShardState
	Figures() executor.Figures
}

// Shard has the metrics of a shard. Watch goes into its options, Registry serves
// it once it is open.
type Shard struct {
	common
	watch *ShardWatch

	waits       prometheus.Histogram
	checkpoints prometheus.Histogram
	putOff      prometheus.Counter
}

// NewShard makes the metrics of a shard that is yet to be opened.
func NewShard(b cli.Build) *Shard {
	c := newCommon(b)
	return &Shard{
		common: c,
		watch:  newShardWatch(time.Now, c.notes),
		waits: histogram("exchange_wait_seconds",
			"How long an execution that needed values of other shards waited for the last of them.", spans()),
		checkpoints: histogram("checkpoint_seconds",
			"How long a checkpoint took, from forcing the log to the end of the transaction.", spans()),
		putOff: counter("checkpoints_put_off_total", "How often a checkpoint was put off for want of disk space."),
	}
}

// Watch is what the shard tells.
func (s *Shard) Watch() executor.Watch {
	return executor.Watch{
		Node:   s.watch,
		Waited: func(took time.Duration) { s.waits.Observe(took.Seconds()) },
		Checkpoints: func(took time.Duration, putOff error) {
			if putOff != nil {
				s.putOff.Inc()
				return
			}
			s.checkpoints.Observe(took.Seconds())
		},
	}
}

// Registry has everything that /metrics shows.
func (s *Shard) Registry(of ShardSource) *prometheus.Registry {
	read := newLook(func() shardLook { return lookAtShard(of, time.Now()) }, shardReadings()...)
	return registry(append(append(s.common.collectors(), s.watch.collectors()...), s.waits, s.checkpoints, s.putOff, read)...)
}

// shardLook is one look at a shard.
type shardLook struct {
	*executor.Status
	executor.Figures
	now   time.Time
	state wirepb.ShardState
}

func lookAtShard(of ShardSource, now time.Time) shardLook {
	return shardLook{of.Status(), of.Figures(), now, of.State()}
}

// oldest is for how long the oldest prepared attempt has waited, in seconds.
func (l shardLook) oldest() float64 {
	age := time.Duration(0)
	for _, p := range l.Prepared {
		age = max(age, l.now.Sub(p.Since))
	}
	return age.Seconds()
}

// inDoubt reports whether what is prepared is in doubt: nobody is there to say
// what was decided.
func (l shardLook) inDoubt() bool { return !l.Welcomed }

func shardReadings() []reading[shardLook] {
	type at = shardLook
	return []reading[at]{
		gauge("height", "Committed height.", func(l at) float64 { return float64(l.Committed.Height()) }),
		gauge("checkpointed_height", "Height that is durable in the database.", func(l at) float64 { return float64(l.Checkpointed) }),
		gauge("epoch", "Highest epoch seen.", func(l at) float64 { return float64(l.Epoch) }),
		gauges("shard_state", "1 for the state that the shard is in, 0 for every other.", []string{"state"}, func(l at, emit emit) {
			for _, state := range shardStates() {
				emit(oneIf(state == l.state), stateName(state))
			}
		}),
		gauge("quarantined", "1 if the daemon found proof of divergence or damage and serves no more.", func(l at) float64 {
			return oneIf(l.Quarantined != "")
		}),
		gauge("waiting_for_coordinator", "1 while no coordinator has welcomed the shard.", func(l at) float64 { return oneIf(!l.Welcomed) }),
		gauge("prepared_attempts", "Prepared attempts without a known decision.", func(l at) float64 { return float64(len(l.Prepared)) }),
		gauge("prepared_oldest_age_seconds", "For how long the oldest prepared attempt has waited for its decision; 0 if there is none.", at.oldest),
		gauge("in_doubt_attempts", "Prepared attempts of a shard that has no coordinator to ask.", func(l at) float64 {
			return oneIf(l.inDoubt()) * float64(len(l.Prepared))
		}),
		gauge("in_doubt_oldest_age_seconds", "For how long the oldest attempt in doubt has been prepared; 0 if there is none.", func(l at) float64 {
			return oneIf(l.inDoubt()) * l.oldest()
		}),
		gauge("executing_attempts", "Attempts that are taken up and not prepared.", func(l at) float64 {
			return float64(len(l.Held) - len(l.Prepared))
		}),
		gauge("inbox_events", "Events that wait to be handled.", func(l at) float64 { return float64(l.InboxEvents) }),
		gauge("obstructed", "1 while there is too little free space to take work up.", func(l at) float64 { return oneIf(l.Obstructed != "") }),
		gauge("free_bytes", "Free space where the daemon keeps its data; -1 if it cannot be told.", func(l at) float64 { return float64(l.FreeBytes) }),
		gauge("min_free_bytes", "Free space below which the daemon takes no work up; 0 for none.", func(l at) float64 { return float64(l.MinFreeBytes) }),
		gauge("log_bytes", "Size of the log on disk.", func(l at) float64 { return float64(l.LogBytes) }),
		gauge("database_bytes", "Size of the database on disk; -1 if it cannot be told.", func(l at) float64 { return float64(l.DatabaseBytes) }),
		sum("fsyncs_total", "How often the daemon has forced its files to disk.", func(l at) float64 { return float64(l.Fsyncs) }),
		sum("checkpoint_written_bytes_total", "Memory of the committed heights that checkpoints have written.", func(l at) float64 {
			return float64(l.Store.CheckpointBytes)
		}),
		gauge("checkpoint_pending_bytes", "Memory of the committed heights that are not checkpointed.", func(l at) float64 {
			return float64(l.Store.PendingBytes)
		}),
		gauge("checkpoint_pending_age_seconds", "How long ago the lowest height was committed that is not checkpointed; 0 if there is none.", func(l at) float64 {
			return since(l.Store.OldestPending, l.now)
		}),
		gauges("checkpoint_timestamp_seconds", "When the last checkpoint ended, in Unix time; missing if none did since the start.", nil, func(l at, emit emit) {
			if last := l.Store.LastCheckpoint; !last.IsZero() {
				emit(float64(last.UnixMilli()) / 1e3)
			}
		}),
		sum("exchange_sent_values_total", "Values sent to other shards, repetitions included.", func(l at) float64 { return float64(l.Traffic.Sent.Values) }),
		sum("exchange_sent_bytes_total", "Bytes of the values sent to other shards.", func(l at) float64 { return float64(l.Traffic.Sent.Bytes) }),
		sum("exchange_received_values_total", "Values that came from other shards, repetitions included.", func(l at) float64 {
			return float64(l.Traffic.Received.Values)
		}),
		sum("exchange_received_bytes_total", "Bytes of the values that came from other shards.", func(l at) float64 { return float64(l.Traffic.Received.Bytes) }),
		sum("exchange_link_failures_total", "How often a link to another shard broke or was not made.", func(l at) float64 { return float64(l.Traffic.Breaks) }),
		gauge("exchange_held_bytes", "Values kept for other shards until their attempts are over.", func(l at) float64 { return float64(l.HeldBytes) }),
		gauge("exchange_absent_peers", "Other shards that have no stream to this one.", func(l at) float64 { return float64(l.AbsentPeers) }),
	}
}

func since(at, now time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return max(0, now.Sub(at).Seconds())
}

func noteKinds() (names []string) {
	for _, k := range protocol.NoteKinds() {
		names = append(names, string(k))
	}
	return names
}
