package bench

import (
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
)

const (
	// loadGenerator is the name of this process in reports.
	loadGenerator = "load generator"
	// sampleEvery is how often processes are looked at for the charts.
	sampleEvery = 250 * time.Millisecond
)

// watched is a process to look at.
type watched struct {
	name string
	pid  int
	http pages // where it tells its status, if it does
}

// Point is one look at a process.
type Point struct {
	At     float64 `json:"at_s"`  // seconds since the first submission
	CPU    float64 `json:"cpu_s"` // processor time used by then, since then
	Memory int64   `json:"rss_bytes"`
}

// Process is what one process used.
type Process struct {
	Name    string  `json:"name"`
	CPU     float64 `json:"cpu_s"`
	CPUPer  float64 `json:"cpu_us_per_tx"`
	Written *int64  `json:"written_bytes"`  // to storage
	Fsyncs  *int64  `json:"fsyncs"`         // as daemons count them
	Peak    int64   `json:"peak_rss_bytes"` // since its start
	// Early and Late are the means of the second and of the last fifth of the
	// measured time.
	Early  int64   `json:"rss_second_fifth_bytes"`
	Late   int64   `json:"rss_last_fifth_bytes"`
	Points []Point `json:"points"`
}

// watch looks at processes now and then, until it is told to end.
type watch struct {
	began   time.Time
	which   []watched
	before  []measure.Usage
	forced  []*int64  // fsyncs before, by process; nil if not known
	points  [][]Point // by process
	stop    chan struct{}
	stopped sync.WaitGroup
	end     func() // stops looking; more than once does no harm
}

// fsyncs is how often the process has forced its files; nil if it does not tell.
func (p watched) fsyncs() *int64 {
	if p.http.address == "" {
		return nil
	}
	return p.http.fsyncs()
}

// newWatch begins; an error means that the system does not tell.
func newWatch(which []watched) (*watch, error) {
	w := &watch{began: time.Now(), which: which, points: make([][]Point, len(which)), stop: make(chan struct{})}
	w.end = sync.OnceFunc(func() {
		close(w.stop)
		w.stopped.Wait()
	})
	for _, p := range which {
		w.forced = append(w.forced, p.fsyncs())
		u, err := measure.Process(p.pid)
		if err != nil {
			return nil, err
		}
		w.before = append(w.before, u)
	}
	w.stopped.Go(w.run)
	return w, nil
}

func (w *watch) run() {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for {
		w.look()
		select {
		case <-ticker.C:
		case <-w.stop:
			return
		}
	}
}

// look notes a point for each process that can be looked at.
func (w *watch) look() {
	for i, p := range w.which {
		u, err := measure.Process(p.pid)
		if err != nil {
			continue
		}
		used := u.Sub(w.before[i])
		w.points[i] = append(w.points[i], Point{At: time.Since(w.began).Seconds(), CPU: used.CPU.Seconds(), Memory: u.Memory})
	}
}

// processes stops looking, and gives what each has used since the beginning.
func (w *watch) processes(transactions int) ([]Process, error) {
	w.end()
	all := make([]Process, len(w.which))
	for i, p := range w.which {
		u, err := measure.Process(p.pid)
		if err != nil {
			return nil, err
		}
		used := u.Sub(w.before[i])
		all[i] = Process{
			Name: p.name, CPU: used.CPU.Seconds(), CPUPer: per(used.CPU.Seconds()*1e6, transactions),
			Peak: u.Peak, Points: w.points[i],
		}
		if used.Written >= 0 {
			all[i].Written = &used.Written
		}
		if now := p.fsyncs(); now != nil && w.forced[i] != nil {
			*now -= *w.forced[i]
			all[i].Fsyncs = now
		}
	}
	return all, nil
}

// per divides; 0 if there was nothing.
func per(sum float64, n int) float64 {
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}
