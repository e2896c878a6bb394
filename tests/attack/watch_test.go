package attack

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// processorTime is the metric of it, in seconds.
const processorTime = "process_cpu_seconds_total"

// lookEvery is how often the memory of processes is looked at.
const lookEvery = 250 * time.Millisecond

// watch follows one node through the attack.
type watch struct {
	*cluster.Node
	pid     int
	memory  int64        // before the attack
	most    atomic.Int64 // most memory that was seen
	logged  int          // bytes of its log before the attack
	worked  float64      // seconds of processor time before the attack
	stopped context.CancelFunc
	over    chan struct{}
}

// watchNodes begins to look at all nodes; wantWatched ends that.
func (s *siege) watchNodes() {
	s.t.Helper()
	for _, n := range s.Nodes() {
		memory, err := n.Memory()
		if err != nil {
			s.t.Skipf("no way to measure memory here: %v", err)
		}
		metrics, err := metricsOf(n)
		if err != nil {
			s.t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		w := &watch{Node: n, pid: n.PID(), memory: memory, logged: len(n.Log()), worked: metrics[processorTime], stopped: cancel, over: make(chan struct{})}
		s.watches = append(s.watches, w)
		go w.look(ctx)
		s.t.Cleanup(w.end)
	}
}

func (w *watch) look(ctx context.Context) {
	defer close(w.over)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if bytes, err := w.Memory(); err == nil {
			w.most.Store(max(w.most.Load(), bytes))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *watch) end() {
	w.stopped()
	<-w.over
}

// resources is what a process holds that it should give back.
type resources struct{ goroutines, files int }

// resting gives what all nodes hold while nobody wants anything of them.
func (s *siege) resting() (all []resources) {
	s.t.Helper()
	for _, n := range s.Nodes() {
		r, err := resourcesOf(n)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func resourcesOf(n *cluster.Node) (r resources, err error) {
	metrics, err := metricsOf(n)
	if err != nil {
		return r, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.PID()))
	return resources{int(metrics["go_goroutines"]), len(files)}, err
}

// metricsOf gives what a node shows, by name with labels.
func metricsOf(n *cluster.Node) (map[string]float64, error) {
	code, text, err := n.Fetch("/metrics")
	if err != nil || code != 200 {
		return nil, fmt.Errorf("the metrics of %s: %d: %w", n.Name, code, err)
	}
	all := map[string]float64{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(line, "#") {
			if number, err := strconv.ParseFloat(value, 64); err == nil {
				all[name] = number
			}
		}
	}
	return all, nil
}

// processorTimeHere is how much of it this process has used.
func processorTimeHere() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
