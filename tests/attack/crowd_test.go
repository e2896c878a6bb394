package attack

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// attacker is one kind of them.
type attacker struct {
	name string
	// hands is how many of them there are at once.
	hands int
	// every is the least time from the beginning of one try of a hand to the next. It
	// keeps the attackers from taking all cores of a small machine for themselves.
	every time.Duration
	// try does it once, and says how that ended.
	try func(*hand) string
}

// crowd is all attackers at work.
type crowd struct {
	attackers []attacker
	cancel    context.CancelFunc
	group     sync.WaitGroup

	mu    sync.Mutex
	ended []map[string]int // by attacker: how often tries ended how
}

// unleash has all attackers begin.
func (s *siege) unleash() *crowd {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &crowd{attackers: s.attackers(), cancel: cancel}
	s.t.Cleanup(c.leave)
	for i, a := range c.attackers {
		c.ended = append(c.ended, map[string]int{})
		for n := range a.hands {
			h := &hand{siege: s, ctx: ctx, rand: rand.New(rand.NewPCG(s.seed, uint64(i)<<32|uint64(n))), from: sourceOf(i)}
			c.group.Go(func() { c.attack(i, h) })
		}
	}
	return c
}

// attack tries again and again, until the attack is over.
func (c *crowd) attack(i int, h *hand) {
	ticker := time.NewTicker(c.attackers[i].every)
	defer ticker.Stop()
	for h.ctx.Err() == nil {
		how := c.attackers[i].try(h)
		c.mu.Lock()
		c.ended[i][how]++
		c.mu.Unlock()
		select {
		case <-ticker.C:
		case <-h.ctx.Done():
		}
	}
}

// leave ends all attackers and waits for them.
func (c *crowd) leave() {
	c.cancel()
	c.group.Wait()
}

// table says what every attacker did, and how that ended.
func (c *crowd) table() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%-44s %9s  %s\n", "attacker", "tries", "how they ended")
	for i, a := range c.attackers {
		tries := 0
		var ends []string
		by := c.ended[i]
		for _, how := range slices.SortedFunc(maps.Keys(by), func(a, b string) int { return by[b] - by[a] }) {
			tries += by[how]
			ends = append(ends, fmt.Sprintf("%s %d", how, by[how]))
		}
		fmt.Fprintf(&out, "%-44s %9d  %s\n", a.name, tries, strings.Join(ends, ", "))
	}
	return out.String()
}
