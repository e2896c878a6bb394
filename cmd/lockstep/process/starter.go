package process

import "runtime"

// Starter starts processes from one thread that lives as long as it does: the
// system ends children when the thread that started them ends, not only when
// the process does.
type Starter struct {
	jobs  chan func()
	ended chan struct{}
}

// NewStarter makes a starter. Close it when all it started has ended.
func NewStarter() *Starter {
	s := &Starter{jobs: make(chan func()), ended: make(chan struct{})}
	go s.run()
	return s
}

func (s *Starter) run() {
	defer close(s.ended)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for job := range s.jobs {
		job()
	}
}

// do runs a job on the thread and waits for it.
func (s *Starter) do(job func() error) error {
	result := make(chan error, 1)
	s.jobs <- func() { result <- job() }
	return <-result
}

// Close ends the thread.
func (s *Starter) Close() {
	close(s.jobs)
	<-s.ended
}
