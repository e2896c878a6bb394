package submit

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// Watcher is told how a run goes on. It may be used from many goroutines at
// once. Nothing comes after Close, which may be called more than once.
type Watcher interface {
	Result(Result)
	Retrying(why error, wait time.Duration)
	Close()
}

// Progress keeps one line on a terminal up to date. It may be used from many
// goroutines at once.
type Progress struct {
	w     io.Writer
	start time.Time

	mu      sync.Mutex
	drawn   time.Time
	dirty   bool // something stands on the line
	summary Summary
}

// NewProgress writes to w, which is a terminal.
func NewProgress(w io.Writer) *Progress { return &Progress{w: w, start: time.Now()} }

const (
	// redrawEvery bounds the cost of drawing.
	redrawEvery = 100 * time.Millisecond
	// lineColumns is what fits on one line of any terminal.
	lineColumns = 78
	// eraseLine goes back to the start of the line and clears it.
	eraseLine = "\r\x1b[K"
)

// Result counts a result.
func (p *Progress) Result(r Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.summary.Add(shape(r))
	if time.Since(p.drawn) < redrawEvery {
		return
	}
	p.drawn, p.dirty = time.Now(), true
	rate := float64(p.summary.Transactions) / max(time.Since(p.start).Seconds(), 0.001)
	fmt.Fprintf(p.w, "%sheight %s  %s  %s  %s a second", eraseLine, report.Count(p.summary.Height),
		report.Plural(p.summary.Blocks, "block"), report.Plural(p.summary.Transactions, "transaction"), report.Count(int(rate)))
}

// Retrying tells why nothing moves.
func (p *Progress) Retrying(why error, _ time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drawn, p.dirty = time.Time{}, true
	fmt.Fprint(p.w, eraseLine, cut("trying again: "+cli.Sentence(why)))
}

// Close clears the line.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dirty {
		fmt.Fprint(p.w, eraseLine)
		p.dirty = false
	}
}

// cut keeps the start of a sentence that is longer than a line.
func cut(sentence string) string {
	if runes := []rune(sentence); len(runes) > lineColumns {
		return string(runes[:lineColumns-1]) + "…"
	}
	return sentence
}
