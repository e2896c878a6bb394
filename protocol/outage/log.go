package outage

import (
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	firstGap = time.Second
	mostGap  = 5 * time.Minute
	// well is how long a trouble must have been over for the next one to be new.
	well = time.Minute
)

// Log tells a logger of one trouble. It is safe for concurrent use.
type Log struct {
	logger hclog.Logger
	now    func() time.Time

	mu       sync.Mutex
	told     bool      // a line says that there is trouble, and none that it is over
	since    time.Time // when it began; zero if there was none since the last end
	seen     time.Time // the last failure, or the last end
	next     time.Time // when a failure gets the next line
	gap      time.Duration
	failures int64 // since it began
	lines    int64 // of them with a line
}

// New makes a Log of a trouble that has not begun.
func New(logger hclog.Logger, now func() time.Time) *Log { return &Log{logger: logger, now: now} }

// Warn notes a failure that is handled, and tells of it if it is time to.
func (l *Log) Warn(message string, keysAndValues ...any) {
	l.failed(hclog.Warn, message, keysAndValues)
}

// Info notes something that is no failure and may come again and again.
func (l *Log) Info(message string, keysAndValues ...any) {
	l.failed(hclog.Info, message, keysAndValues)
}

// Error notes a failure that a person has to do something about, and tells of it
// if it is time to.
func (l *Log) Error(message string, keysAndValues ...any) {
	l.failed(hclog.Error, message, keysAndValues)
}

func (l *Log) failed(level hclog.Level, message string, pairs []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.forgotten(now) {
		l.reset()
		l.gap = 0
	}
	if l.since.IsZero() {
		l.since = now
	}
	l.seen = now
	l.failures++
	if l.gap > 0 && now.Before(l.next) {
		level = hclog.Debug
	} else {
		l.told = true
		l.lines++
		l.gap = min(max(2*l.gap, firstGap), mostGap)
		l.next = now.Add(l.gap)
	}
	l.logger.Log(level, message, append(pairs[:len(pairs):len(pairs)], "for", round(now.Sub(l.since)), "failures", l.failures)...)
}

// forgotten reports whether what was seen last is so long ago that a failure now is
// another trouble.
func (l *Log) forgotten(now time.Time) bool {
	quiet := well
	if l.told {
		quiet = mostGap + well // nobody has said that it is over
	}
	return now.Sub(l.seen) > quiet
}

// Over notes that all is well, and tells that the trouble is over if a line has
// told of it. It costs next to nothing while there is none.
func (l *Log) Over(message string, keysAndValues ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.told {
		return // there was none, or it comes and goes: then what is counted goes on
	}
	now := l.now()
	l.logger.Info(message, append(keysAndValues[:len(keysAndValues):len(keysAndValues)],
		"lasted", round(now.Sub(l.since)), "failures", l.failures, "left_out", l.failures-l.lines)...)
	l.reset()
	l.seen = now
}

func (l *Log) reset() {
	l.told, l.since, l.failures, l.lines = false, time.Time{}, 0, 0
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
