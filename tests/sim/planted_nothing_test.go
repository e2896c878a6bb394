package sim

import (
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// plantNothing wraps everything, and changes nothing.
func plantNothing(_ *world, into *Wraps) {
	type log struct{ executor.ReplayLog }
	type decisions struct{ coordinator.DecisionLog }
	type old struct{ coordinator.History }
	type pusher struct{ executor.Pusher }
	type sessions struct{ executor.Sessions }
	type answers struct{ coordinator.Clients }
	type runs struct{ executor.Machine }
	into.ShardLog = func(_ Place, l executor.ReplayLog) executor.ReplayLog { return log{l} }
	into.DecisionLog = func(_ Place, l coordinator.DecisionLog) coordinator.DecisionLog { return decisions{l} }
	into.History = func(_ Place, h coordinator.History) coordinator.History { return old{h} }
	into.Pusher = func(_ Place, p executor.Pusher) executor.Pusher { return pusher{p} }
	into.Deliver = func(_ Place, d Deliver) Deliver {
		return func(from protocol.ShardID, a protocol.AttemptID, values []byte) error { return d(from, a, values) }
	}
	into.Folder = func(Place, string) {}
	into.ShardSessions = func(_ Place, s executor.Sessions) executor.Sessions { return sessions{s} }
	into.CoordinatorSessions = func(_ Place, s coordinator.Sessions) coordinator.Sessions { return sessions{s} }
	into.Clients = func(_ Place, c coordinator.Clients) coordinator.Clients { return answers{c} }
	into.Machine = func(_ Place, m executor.Machine) executor.Machine { return runs{m} }
	participants(func(_ Place, m executor.Participant) step { return m.Step }, into)
	coordinators(func(_ Place, m coordinator.Machine) step { return m.Step }, into)
}
