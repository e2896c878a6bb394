package submit

import (
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

// LogWatcher logs why something is tried again: as a warning when the reason is
// a new one.
type LogWatcher struct {
	log hclog.Logger

	mu   sync.Mutex
	last string
}

// NewLogWatcher logs to log.
func NewLogWatcher(log hclog.Logger) *LogWatcher { return &LogWatcher{log: log} }

// Result forgets the reason: what comes after it is news again.
func (l *LogWatcher) Result(Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = ""
}

// Retrying logs the reason.
func (l *LogWatcher) Retrying(why error, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	level, sentence := hclog.Warn, cli.Sentence(why)
	if sentence == l.last {
		level = hclog.Debug
	}
	l.last = sentence
	l.log.Log(level, "trying again", "reason", sentence, "wait", wait.Round(time.Millisecond))
}

// Close does nothing.
func (l *LogWatcher) Close() {}
