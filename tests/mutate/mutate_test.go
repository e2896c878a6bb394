package mutate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/executor"
)

// Outcomes of a case.
const (
	harmless = "harmless"
	mended   = "mended"
	refused  = "refused and explained"
	latent   = "started, found by verify"
	hidden   = "started and reads wrongly, found by verify"
	old      = "old copy, found by decisions"
)

const (
	normalCases = 300
	shortCases  = 60
	longCases   = 10_000
)

// TestMutations damages directories at random.
func TestMutations(t *testing.T) {
	o := makeOriginal(t)
	base := scratch(t)
	seed, first, cases := uint64(1), 0, howMany()
	if s, err := strconv.ParseUint(os.Getenv("LOCKSTEP_SEED"), 10, 64); err == nil {
		seed = s
	}
	if n, err := strconv.Atoi(os.Getenv("LOCKSTEP_CASE")); err == nil {
		first, cases = n, 1
	}
	counts, byMutation := map[string]int{}, map[string]map[string]int{}
	for n := first; n < first+cases; n++ {
		c := newCase(t, o, base, seed, n)
		what, outcome, err := c.run()
		if err != nil {
			t.Errorf("case %d of seed %d: %s, %s (%s): %v", n, seed, c.node, c.mutation.name, what, err)
		}
		if what == "" {
			continue
		}
		counts[outcome]++
		if byMutation[c.mutation.name] == nil {
			byMutation[c.mutation.name] = map[string]int{}
		}
		byMutation[c.mutation.name][outcome]++
	}
	t.Logf("%d cases with seed %d: %s", cases, seed, tally(counts))
	for _, name := range slices.Sorted(maps.Keys(byMutation)) {
		t.Logf("%-24s %s", name, tally(byMutation[name]))
	}
}

func howMany() int {
	switch {
	case long():
		return longCases
	case testing.Short():
		return shortCases
	}
	return normalCases
}

func tally(counts map[string]int) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%d %s", counts[name], name))
	}
	return strings.Join(all, ", ")
}

// trial is one case.
type trial struct {
	original *original
	mutation mutation
	node     string
	dir      string
	m        *mutator
	repair   bool // repair before the start, where a start would mend
	want     truth
	look     *recovery.Look
}

func newCase(t *testing.T, o *original, base string, seed uint64, n int) *trial {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	c := &trial{original: o, node: nodes[r.IntN(len(nodes))], mutation: mutations[n%len(mutations)], repair: r.IntN(2) == 0}
	c.dir = filepath.Join(base, c.node)
	c.want = o.truth[c.node]
	o.pictures[c.node].copyTo(t, c.dir)
	c.m = &mutator{r: r, node: c.node, dir: c.dir, original: o, t: t}
	return c
}

// run damages, looks, starts and judges.
func (c *trial) run() (what, outcome string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if what = c.mutation.do(c.m); what == "" {
		return "", "", nil
	}
	before := c.snapshot()
	if c.look, err = c.verify(); err != nil {
		return what, "", fmt.Errorf("verify could not look: %w", err)
	}
	if after := c.snapshot(); after != before {
		return what, "", fmt.Errorf("verify changed files:\n%s\nnow\n%s", before, after)
	}
	if err := c.mend(); err != nil {
		return what, "", fmt.Errorf("repair: %w", err)
	}
	outcome, err = c.start()
	return what, outcome, err
}

// verify looks at the copy, with all there is to compare it with.
func (c *trial) verify() (*recovery.Look, error) {
	return recovery.Verify(context.Background(), c.dir, recovery.VerifyOptions{Decisions: c.original.decisions})
}

// snapshot describes the files of the copy.
func (c *trial) snapshot() string {
	var all strings.Builder
	for _, name := range c.m.files() {
		info, err := os.Stat(filepath.Join(c.dir, name))
		if err != nil {
			c.m.t.Fatal(err)
		}
		fmt.Fprintln(&all, name, info.Size(), info.ModTime().UnixNano())
	}
	return all.String()
}

// mend runs repair, which must do nothing that harms.
func (c *trial) mend() error {
	if !c.repair {
		return nil
	}
	plan, err := recovery.PlanRepair(c.dir, nil)
	if err != nil {
		return err
	}
	return plan.Carry("")
}

// start starts the node on the copy, and judges by what it brings back.
func (c *trial) start() (string, error) {
	mends := len(c.look.Log.Repairs) > 0
	if err := c.open(); err != nil {
		if c.mutation.unacknowledged {
			return "", fmt.Errorf("only unacknowledged bytes were concerned, but: %w", err)
		}
		if c.look.Sound {
			return "", fmt.Errorf("verify found nothing, but: %w", err)
		}
		if !recovery.IsDamage(err) && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("a start fails without calling it damage: %w", err)
		}
		return refused, nil
	}
	got, err := read(c.dir, c.node)
	switch {
	case err == nil && c.same(got) && c.look.Sound && mends:
		return mended, nil
	case err == nil && c.same(got) && c.look.Sound:
		return harmless, nil
	case c.look.Sound:
		return c.judgeOld(got, err)
	case c.mutation.unacknowledged:
		return "", fmt.Errorf("only unacknowledged bytes were concerned, but verify found %v", c.look.Findings)
	case c.mutation.old:
		return old, nil
	case err == nil && !c.same(got):
		return hidden, nil
	}
	return latent, nil
}

// same tells whether what was read is right. A coordinator that was started has
// a new epoch, and the same decisions.
func (c *trial) same(got truth) bool { return got == c.want }

// judgeOld judges a directory in which verify finds nothing, and which is not
// what it was. That may only be an old copy of a coordinator, which no look at
// it alone can tell: then the shards must tell.
func (c *trial) judgeOld(got truth, err error) (string, error) {
	if err != nil {
		return "", fmt.Errorf("verify found nothing, but it cannot be read: %w", err)
	}
	if !c.mutation.old || c.node != coordinatorName {
		return "", fmt.Errorf("verify found nothing, but it holds %+v instead of %+v", got, c.want)
	}
	compared, err := recovery.Compare(context.Background(),
		[]string{c.dir, filepath.Join(c.original.dir, "shard0"), filepath.Join(c.original.dir, "shard1")}, recovery.CompareOptions{})
	if err != nil {
		return "", err
	}
	if compared.Sound {
		return "", errors.New("compare does not tell an old copy of a coordinator")
	}
	return old, nil
}

// open does what the daemon does at its start, and stops at once.
func (c *trial) open() error {
	if c.node == coordinatorName {
		d, err := coordinator.Open(coordinatorOptions(c.dir, 2))
		if err != nil {
			return err
		}
		return d.Close()
	}
	d, err := executor.Open(shardOptions(c.dir, int(c.node[len(c.node)-1]-'0')))
	if err != nil {
		return err
	}
	return d.Close()
}
