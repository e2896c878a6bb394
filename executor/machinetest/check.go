package machinetest

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// Option changes what Check looks at.
type Option func(*checker)

// Invariant is asked after every block whether the state is sound. It gets every key
// with its value, which it must not change, and says in the error what is wrong. It is
// to hold for all that a client may send, so damaged transactions run too. May be
// given more than once.
func Invariant(holds func(state map[string][]byte) error) Option {
	return func(c *checker) { c.invariants = append(c.invariants, holds) }
}

// Limits are those of the cluster; without them protocol.DefaultLimits.
func Limits(l protocol.Limits) Option { return func(c *checker) { c.limits = l } }

// Check fails the test if the machine breaks a rule with any of the transactions
// drawn; the package comment lists what is looked at. The machine is shared by all
// runs, as it is by all blocks of a shard.
func Check(t rapid.TB, m executor.Machine, transactions *rapid.Generator[protocol.Transaction], options ...Option) {
	t.Helper()
	c := newChecker(m, options)
	rapid.Check(t, func(t *rapid.T) {
		if err := c.check(drawPlan(t, transactions)); err != nil {
			t.Fatal(err)
		}
	})
}

type checker struct {
	machine    executor.Machine
	limits     protocol.Limits
	invariants []func(map[string][]byte) error
}

func newChecker(m executor.Machine, options []Option) *checker {
	c := &checker{machine: m, limits: protocol.DefaultLimits()}
	for _, o := range options {
		o(c)
	}
	return c
}

// check gives the first rule that the machine breaks.
func (c *checker) check(p plan) error {
	blocks, err := c.submittable(p)
	if err != nil {
		return err
	}
	expected, err := c.alone(blocks)
	if err != nil {
		return err
	}
	return c.together(p, expected)
}

// submittable leaves out what damage made impossible to submit.
func (c *checker) submittable(p plan) ([][]drawn, error) {
	blocks := make([][]drawn, len(p.blocks))
	for b, block := range p.blocks {
		for _, d := range block {
			_, err := protocol.DecodeBody(protocol.EncodeBody([]protocol.Transaction{d.Transaction}), c.limits)
			switch {
			case err == nil:
				blocks[b] = append(blocks[b], d)
			case !d.damaged:
				return nil, fmt.Errorf("%s cannot be submitted: %w", describe(d.Transaction), err)
			}
		}
	}
	return blocks, nil
}
