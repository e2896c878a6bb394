package outage

import (
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// mostKeys bounds the troubles of a Group. The one that was met longest ago is
// forgotten first.
const mostKeys = 256

// Group holds a Log for each of several troubles of the same kind, such as one for
// each peer. It is safe for concurrent use.
type Group struct {
	logger hclog.Logger
	now    func() time.Time

	mu   sync.Mutex
	logs map[string]*member
}

type member struct {
	*Log
	used time.Time
}

// NewGroup makes a Group without troubles.
func NewGroup(logger hclog.Logger, now func() time.Time) *Group {
	return &Group{logger: logger, now: now, logs: map[string]*member{}}
}

// Of gives the Log of a trouble. Use it at once and ask again the next time: a
// Group that meets very many forgets the oldest.
func (g *Group) Of(key string) *Log {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.logs[key]
	if m == nil {
		if len(g.logs) >= mostKeys {
			g.forgetOldest()
		}
		m = &member{Log: New(g.logger, g.now)}
		g.logs[key] = m
	}
	m.used = g.now()
	return m.Log
}

func (g *Group) forgetOldest() {
	var oldest string
	var used time.Time
	for key, m := range g.logs {
		if used.IsZero() || m.used.Before(used) {
			oldest, used = key, m.used
		}
	}
	delete(g.logs, oldest)
}

// Over notes of one trouble that all is well, if there ever was any.
func (g *Group) Over(key, message string, keysAndValues ...any) {
	g.mu.Lock()
	m := g.logs[key]
	g.mu.Unlock()
	if m != nil {
		m.Over(message, keysAndValues...)
	}
}
