package chaos

import (
	"fmt"
	"maps"
	"reflect"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/proof"
)

// answers keeps what clients were told, by block number. It is safe for
// concurrent use.
type answers struct {
	mu        sync.Mutex
	committed map[uint64]proof.Height
	abandoned map[uint64]bool // told aborted, and never submitted again
	counts    map[string]int  // answers by decision
	last      time.Time       // of a new committed block
	longest   time.Duration   // without one
	quickest  []time.Duration // how long small blocks took

	fresh chan struct{} // has something after a new committed block
}

func newAnswers() *answers {
	return &answers{committed: map[uint64]proof.Height{}, abandoned: map[uint64]bool{}, counts: map[string]int{}, last: time.Now(), fresh: make(chan struct{}, 1)}
}

// commit notes a committed block; another answer for the same is an error.
func (a *answers) commit(number uint64, told proof.Height) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts["committed"]++
	if before, ok := a.committed[number]; ok {
		if !reflect.DeepEqual(before, told) {
			return fmt.Errorf("block %q: a client was told %+v, then %+v", told.Key, before, told)
		}
		return nil
	}
	a.committed[number] = told
	now := time.Now()
	a.longest, a.last = max(a.longest, now.Sub(a.last)), now
	select {
	case a.fresh <- struct{}{}:
	default:
	}
	return nil
}

func (a *answers) took(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.quickest = append(a.quickest, d)
}

// count notes an answer that decides nothing.
func (a *answers) count(decision string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts[decision]++
}

// abandon notes that a block was given up after it was aborted.
func (a *answers) abandon(number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.abandoned[number] = true
}

// known is what there is to be checked now.
func (a *answers) known() (committed map[uint64]proof.Height, abandoned map[uint64]bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.committed), maps.Clone(a.abandoned)
}
