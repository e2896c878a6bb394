package replica

import (
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol/outage"
)

// raftLogger takes what raft logs. Raft tells of every try of every call while a
// member is away, and calls most of that an error, although it handles it: what is
// about other members has level debug here, any other level is one lower, and what
// comes again and again is left out like in any other outage. Whatever needs a
// person is told by the replica itself.
type raftLogger struct {
	hclog.Logger
	said *outage.Group
	now  func() time.Time
}

func newRaftLogger(to hclog.Logger, now func() time.Time) hclog.Logger {
	return raftLogger{to, outage.NewGroup(to, now), now}
}

// Log implements hclog.Logger.
func (l raftLogger) Log(level hclog.Level, message string, pairs ...any) {
	switch {
	case level >= hclog.Warn && aboutOthers(pairs), level == hclog.Info:
		l.Logger.Debug(message, pairs...)
	case level == hclog.Error:
		l.said.Of(message).Warn(message, pairs...)
	case level == hclog.Warn:
		l.said.Of(message).Info(message, pairs...)
	default:
		l.Logger.Trace(message, pairs...)
	}
}

// aboutOthers reports whether something is about another member: the transport
// tells of those whom it cannot reach.
func aboutOthers(pairs []any) bool {
	for i := 0; i+1 < len(pairs); i += 2 {
		switch pairs[i] {
		case "peer", "server-id", "target", "from", "candidate":
			return true
		}
	}
	return false
}

func (l raftLogger) Error(message string, pairs ...any) { l.Log(hclog.Error, message, pairs...) }
func (l raftLogger) Warn(message string, pairs ...any)  { l.Log(hclog.Warn, message, pairs...) }
func (l raftLogger) Info(message string, pairs ...any)  { l.Log(hclog.Info, message, pairs...) }
func (l raftLogger) Debug(message string, pairs ...any) { l.Log(hclog.Debug, message, pairs...) }
func (l raftLogger) Trace(message string, pairs ...any) { l.Log(hclog.Trace, message, pairs...) }

// With implements hclog.Logger.
func (l raftLogger) With(pairs ...any) hclog.Logger {
	return newRaftLogger(l.Logger.With(pairs...), l.now)
}

// Named implements hclog.Logger.
func (l raftLogger) Named(name string) hclog.Logger {
	return newRaftLogger(l.Logger.Named(name), l.now)
}

// IsDebug implements hclog.Logger.
func (l raftLogger) IsDebug() bool { return l.Logger.IsTrace() }
