package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

const (
	// lookEvery is the time between the beginnings of two looks, unless one takes
	// longer.
	lookEvery = time.Second
	// drawEvery is how often ages move on, and how soon another size of the
	// terminal is seen.
	drawEvery = 200 * time.Millisecond
	// lookPatience bounds a look: an answer that is older says little of now.
	lookPatience = 3 * time.Second
)

// Options say what Watch watches, and where it shows it.
type Options struct {
	// Look asks the cluster.
	Look func(context.Context) (report.Cluster, error)
	// Terminal is drawn upon.
	Terminal io.Writer
	// Size gives the columns and rows of the terminal as it is now.
	Size func() (columns, rows int)
}

// Watch shows the cluster until ctx ends, which gives nil, or the terminal cannot
// be written. The terminal is as it was before when it returns, or panics.
func Watch(ctx context.Context, o Options) (err error) {
	screen, err := OpenScreen(o.Terminal)
	defer func() { err = errors.Join(err, screen.Close()) }()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	seen, ended := make(chan sight), make(chan struct{})
	go func() {
		defer close(ended)
		lookOn(ctx, o.Look, seen)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	draw := time.NewTicker(drawEvery)
	defer draw.Stop()
	view := NewView(time.Now())
	for {
		columns, rows := o.Size()
		if err := screen.Draw(view.Lines(time.Now(), columns, rows)); err != nil {
			return fmt.Errorf("draw the status: %w", err)
		}
		select {
		case s := <-seen:
			if s.panicked != nil {
				panic(s.panicked)
			}
			view.See(s.at, s.cluster, s.err)
		case <-draw.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// sight is what a look came to.
type sight struct {
	at       time.Time
	cluster  report.Cluster
	err      error
	panicked any // with the stack; nil if it has not
}

// lookOn looks once in lookEvery until ctx ends.
func lookOn(ctx context.Context, look func(context.Context) (report.Cluster, error), seen chan<- sight) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case seen <- lookOnce(ctx, look):
		case <-ctx.Done():
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// lookOnce brings a panic back as a value: where it comes up, nobody could put
// the terminal right.
func lookOnce(ctx context.Context, look func(context.Context) (report.Cluster, error)) (s sight) {
	defer func() {
		s.at = time.Now()
		if value := recover(); value != nil {
			s.panicked = fmt.Sprintf("%v\n%s", value, debug.Stack())
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	s.cluster, s.err = look(ctx)
	return s
}
