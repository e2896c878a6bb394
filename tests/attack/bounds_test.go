package attack

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const (
	// mostMemory is what a process may ever have resident. Without attackers it is about
	// 60 MiB here. With them it may hold at one time, as docs/security.md adds it up: a
	// message of largeMessages and one of beyondLimits, of up to 80 MiB each; the million
	// transactions of another one, which take about 230 MiB once they are decoded, alone;
	// what others have decoded, 128 MiB; and some 100 MiB for 400 connections with what is on its way. The garbage collector
	// lets the heap grow to twice of what is in use.
	mostMemory = (60 + 2*(2*80+230+128+100)) << 20
	// mostPause is the longest time without a committed block. Attackers take the cores of
	// a small machine, so that a coordinator may be elected meanwhile; a client asks again
	// after its patience, and a shard dials again within 5 s.
	mostPause = patience + 10*time.Second
	// progressEvery is how often, on average, a block must be committed at least.
	progressEvery = 5 * time.Second
	// mostLogged is how much a process may log a minute, beside a fixed amount.
	mostLogged, mostLoggedPerMinute = 256 << 10, 256 << 10
	// What a process may hold more after the attack than before: connections between
	// nodes come and go.
	moreGoroutines, moreFiles = 60, 20
)

// wantProgress fails the test if clients were kept waiting for too long.
func (s *siege) wantProgress(during span) {
	s.t.Helper()
	counts, pause := during.windows(progressEvery), during.longestPause()
	s.t.Logf("blocks committed in each %s: %v; longest time without one: %s", progressEvery, counts, round(pause))
	if pause > mostPause {
		s.t.Errorf("no block was committed for %s", round(pause))
	}
	if least := len(counts); len(during.answers) < least {
		s.t.Errorf("%d blocks were committed during the attack, want at least %d", len(during.answers), least)
	}
}

// wantWatched fails the test for a process that is another one, had too much memory or
// logged too much.
func (s *siege) wantWatched(during span) {
	s.t.Helper()
	s.CheckAlive()
	minutes := during.ended.Sub(during.began).Minutes()
	for _, w := range s.watches {
		w.end()
		if w.PID() != w.pid {
			s.t.Errorf("%s was process %d, and is %d", w.Name, w.pid, w.PID())
		}
		peak, err := w.PeakMemory()
		if err != nil {
			s.t.Error(err)
		}
		metrics, err := metricsOf(w.Node)
		if err != nil {
			s.t.Error(err)
		}
		log := w.Log()
		logged, lines := len(log)-w.logged, strings.Count(log[w.logged:], "\n")
		s.t.Logf("%-13s memory %4d MiB before, %4d MiB seen at most, %4d MiB ever; %6.1f s of processor time; logged %5d lines, %4d KiB",
			w.Name, w.memory>>20, w.most.Load()>>20, peak>>20, metrics[processorTime]-w.worked, lines, logged>>10)
		if peak > mostMemory {
			s.t.Errorf("%s had %d MiB of memory, want %d MiB at most", w.Name, peak>>20, mostMemory>>20)
		}
		if most := mostLogged + int(minutes*mostLoggedPerMinute); logged > most {
			s.t.Errorf("%s logged %d bytes during the attack, want %d at most", w.Name, logged, most)
		}
	}
}

// wantRest waits until all nodes hold about as much as before the attack.
func (s *siege) wantRest(before []resources) {
	s.t.Helper()
	cluster.Await(s.t, "goroutines and files as before", cluster.Within, func() string {
		var missing []string
		for i, n := range s.Nodes() {
			now, err := resourcesOf(n)
			if err != nil {
				return err.Error()
			}
			most := before[i]
			if i < coordinators { // another one may lead, which takes most
				most = greatest(before[:coordinators])
			}
			if now.goroutines > most.goroutines+moreGoroutines || now.files > most.files+moreFiles {
				missing = append(missing, fmt.Sprintf("%s has %d goroutines and %d files, want at most %d and %d and a few", n.Name, now.goroutines, now.files, most.goroutines, most.files))
			}
		}
		return strings.Join(missing, "; ")
	})
}

// greatest gives the most of each.
func greatest(all []resources) (most resources) {
	for _, r := range all {
		most = resources{max(most.goroutines, r.goroutines), max(most.files, r.files)}
	}
	return most
}

// wantRefusals fails the test if a node refused nobody, by its metrics.
func (s *siege) wantRefusals() {
	s.t.Helper()
	for _, n := range s.Nodes() {
		metrics, err := metricsOf(n)
		if err != nil {
			s.t.Error(err)
			continue
		}
		refused, reasons := 0.0, []string{}
		for name, count := range metrics {
			refusal := strings.HasPrefix(name, "lockstep_refused_total{") || strings.HasPrefix(name, "lockstep_rejected_sessions_total{")
			if refusal && count > 0 {
				refused += count
				reasons = append(reasons, fmt.Sprintf("%s %.0f", strings.TrimPrefix(name, "lockstep_"), count))
			}
		}
		slices.Sort(reasons)
		s.t.Logf("%-13s refused %.0f %v", n.Name, refused, reasons)
		if refused == 0 {
			s.t.Errorf("%s refused nobody, by its metrics", n.Name)
		}
	}
}

// report says what everybody did, and how that was for the clients.
func (s *siege) report(c *crowd, before, during span) {
	s.t.Logf("attackers, over %s:\n%s", during.ended.Sub(during.began).Round(time.Second), c.table())
	s.t.Logf("clients before the attack: %.1f blocks a second, half of them within %s, 99 of 100 within %s", before.rate(), round(before.percentile(0.5)), round(before.percentile(0.99)))
	s.t.Logf("clients during the attack: %.1f blocks a second, half of them within %s, 99 of 100 within %s", during.rate(), round(during.percentile(0.5)), round(during.percentile(0.99)))
	s.t.Logf("processor time of the attackers, the clients and the test during the attack: %.1f s", during.worked.Seconds())
	s.t.Logf("throughput during the attack: %.2f of that before", during.rate()/before.rate())
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
