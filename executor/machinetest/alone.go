package machinetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// repeats is how often each transaction is run over the same values in a row. An
// order of a map that matters shows up in this many with near certainty.
const repeats = 8

// expected is what a block has to come to.
type expected struct {
	transactions []protocol.Transaction
	outcomes     protocol.Outcomes
	state        map[string][]byte // after it
}

// sample is one transaction over the values that it found, and what it came to.
type sample struct {
	transaction protocol.Transaction
	inputs      []executor.Value
	result      string
}

// alone runs the blocks one transaction after the other, each several times.
func (c *checker) alone(blocks [][]drawn) ([]expected, error) {
	reference := executor.NewSequential(c.machine, c.limits)
	var samples []sample
	var list []expected
	for b, block := range blocks {
		e := expected{}
		for _, d := range block {
			s, err := c.sample(reference, d)
			if err != nil {
				return nil, fmt.Errorf("block %d: %w", b+1, err)
			}
			samples = append(samples, s)
			if _, err := reference.Execute([]protocol.Transaction{d.Transaction}); err != nil {
				return nil, fmt.Errorf("block %d: %s: %w", b+1, describe(d.Transaction), err)
			}
			e.transactions = append(e.transactions, d.Transaction)
		}
		e.state = maps.Clone(reference.State())
		for _, holds := range c.invariants {
			if err := holds(e.state); err != nil {
				return nil, fmt.Errorf("after block %d: %w", b+1, err)
			}
		}
		list = append(list, e)
	}
	if err := c.expect(list); err != nil {
		return nil, err
	}
	return list, c.again(samples)
}

// expect runs the blocks as a whole: outcomes, and the states that came of their
// transactions one by one.
func (c *checker) expect(list []expected) error {
	reference := executor.NewSequential(c.machine, c.limits)
	for b := range list {
		var err error
		if list[b].outcomes, err = reference.Execute(list[b].transactions); err != nil {
			return fmt.Errorf("block %d: %w", b+1, err)
		}
		if difference := differ(reference.State(), list[b].state); difference != "" {
			return fmt.Errorf("block %d comes to another state when it is run again: %s", b+1, difference)
		}
	}
	return nil
}

// sample runs a transaction over the state as it is.
func (c *checker) sample(state *executor.Sequential, d drawn) (sample, error) {
	s := sample{transaction: d.Transaction}
	for _, a := range d.Access {
		value, present := state.Get(a.Key)
		s.inputs = append(s.inputs, executor.Value{Bytes: value, Present: present})
	}
	for range repeats {
		result, fault, err := c.once(s)
		switch {
		case err != nil:
			return s, fmt.Errorf("%s: %w", describe(d.Transaction), err)
		case fault != "" && !d.damaged:
			return s, fmt.Errorf("%s breaks a rule: %s: declare what it touches, or touch less", describe(d.Transaction), fault)
		case s.result != "" && s.result != result:
			return s, s.differs(result)
		}
		s.result = result
	}
	return s, nil
}

func (s sample) differs(result string) error {
	return fmt.Errorf("%s over the same values comes to\n\t%s\nand another time to\n\t%s", describe(s.transaction), s.result, result)
}

// again runs all samples once more: in reverse order, and from several goroutines at
// once.
func (c *checker) again(samples []sample) error {
	var group sync.WaitGroup
	const goroutines = 3
	errs := make([]error, goroutines)
	for g := range goroutines {
		group.Go(func() {
			for _, s := range slices.Backward(samples) {
				result, _, err := c.once(s)
				if err == nil && result != s.result {
					err = s.differs(result)
				}
				if err != nil && errs[g] == nil {
					errs[g] = fmt.Errorf("run again, after others and beside others: %w", err)
				}
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
