package proof

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

// Input is what a proof goes by.
type Input struct {
	Shards       []string // data directories, by shard
	Coordinators []string // data directories, of those whose histories are to be compared
	History      []Height // from height 1
	Blocks       Blocks
	Progress     func(height, heights int) // may be nil
}

// Report is what a proof came to.
type Report struct {
	Height       int     `json:"height"`
	Root         string  `json:"root"`
	Transactions int     `json:"transactions"`
	Shards       []Shard `json:"shards"`
	// Coordinators are those that were given, in their order.
	Coordinators []Coordinator `json:"coordinators,omitempty"`
	Supply       *big.Int      `json:"supply"`   // credited less debited
	Balances     *big.Int      `json:"balances"` // sum of what the shards hold
	Findings     []Finding     `json:"findings"`
	Total        int           `json:"findings_total"` // Findings has only the first
}

// Holds reports whether no difference was found.
func (r *Report) Holds() bool { return r.Total == 0 }

// Check compares stopped shards with a sequential run. Differences are in the
// report; an error means that it could not look.
func Check(in Input) (*Report, error) {
	c := &check{
		dirs: in.Shards, history: in.History, blocks: in.Blocks, named: map[[2]string]bool{},
		report: &Report{Height: len(in.History), Supply: new(big.Int), Balances: new(big.Int), Shards: make([]Shard, len(in.Shards)), Findings: []Finding{}},
	}
	for i := range c.report.Shards {
		c.report.Shards[i] = Shard{ID: i, Same: true}
	}
	shards, err := c.openShards(in.Shards)
	defer closeAll(shards)
	if err != nil {
		return nil, err
	}
	if !c.heights(shards) {
		return c.report, nil
	}
	if in.Progress == nil {
		in.Progress = func(int, int) {}
	}
	if err := c.coordinators(in.Coordinators); err != nil {
		return nil, err
	}
	err = c.replay(shards, in.Progress)
	if err == nil {
		err = c.final(shards)
	}
	if err != nil && !errors.Is(err, errEnd) {
		return nil, err
	}
	return c.report, nil
}

// errEnd ends a proof that cannot go on behind what it has found.
var errEnd = errors.New("the proof ends here")

// final compares what the shards hold in the end.
func (c *check) final(shards []*executor.Offline) error {
	all := true
	for i, o := range shards {
		if o == nil || c.report.Shards[i].Height != uint64(c.at) {
			all = false // which is a finding already
			continue
		}
		if err := c.whole(i, o); err != nil {
			return err
		}
	}
	if all && c.report.Balances.Cmp(c.report.Supply) != 0 {
		c.add(Finding{Shard: cluster, What: "the sum of balances is not what was credited", Expected: c.report.Supply.String(), Actual: c.report.Balances.String()})
	}
	return nil
}

// check is one proof under way.
type check struct {
	dirs    []string
	history []Height
	blocks  Blocks
	slots   protocol.SlotTable
	limits  protocol.Limits
	run     *executor.Sequential
	at      int             // height that run has come to
	root    protocol.Digest // chain root there, added up anew
	named   map[[2]string]bool
	report  *Report
}

func closeAll(shards []*executor.Offline) {
	for _, o := range shards {
		if o != nil {
			_ = o.Close() // only read from
		}
	}
}

// add notes a finding; of a key only the first.
func (c *check) add(f Finding) {
	if f.Shard >= 0 {
		c.report.Shards[f.Shard].Same = false
	}
	if f.Key != "" {
		at := [2]string{fmt.Sprint(f.Shard), f.Key}
		if c.named[at] {
			return
		}
		c.named[at] = true
	}
	c.report.Total++
	if len(c.report.Findings) < mostFindings {
		c.report.Findings = append(c.report.Findings, f)
	}
}

// heights compares the shards' heights with that of the history, and takes the
// cluster's configuration; false if no shard can be read.
func (c *check) heights(shards []*executor.Offline) bool {
	for i, o := range shards {
		if o == nil {
			continue
		}
		r := &c.report.Shards[i]
		r.Height, r.Checkpointed = uint64(o.Committed().Height()), uint64(o.Checkpoint.Height())
		if r.Height != uint64(len(c.history)) {
			c.add(Finding{Shard: i, What: "is not at the last height", Expected: fmt.Sprint(len(c.history)), Actual: fmt.Sprint(r.Height)})
		}
		if c.run == nil {
			c.slots, c.limits = o.State.Config.Slots, o.State.Config.Limits
			c.run = executor.NewSequential(ledger.Machine{}, c.limits)
		}
	}
	return c.run != nil
}

// replay runs the history one block after the other, and compares databases
// when it comes by their heights.
func (c *check) replay(shards []*executor.Offline, progress func(height, heights int)) error {
	if err := c.databases(shards); err != nil {
		return err
	}
	for _, h := range c.history {
		if err := c.step(h); err != nil {
			return err
		}
		if err := c.databases(shards); err != nil {
			return err
		}
		progress(c.at, len(c.history))
	}
	c.report.Root = c.root.String()
	return nil
}

func (c *check) databases(shards []*executor.Offline) error {
	var all error
	for i, o := range shards {
		if o != nil && int(o.Checkpoint.Height()) == c.at {
			all = errors.Join(all, c.database(i))
		}
	}
	return all
}

// step runs one block.
func (c *check) step(h Height) error {
	body, err := c.blocks.Get(h)
	if err != nil {
		c.add(Finding{Shard: cluster, What: err.Error()})
		return errEnd
	}
	transactions, err := protocol.DecodeBody(body, c.limits)
	if err != nil {
		return fmt.Errorf("read block %q: %w", h.Key, err)
	}
	outcomes, err := c.run.Execute(transactions)
	if err != nil {
		return fmt.Errorf("run block %q: %w", h.Key, err)
	}
	c.at++
	c.report.Transactions += len(transactions)
	c.outcomes(h, outcomes.Counts())
	if err := c.supply(transactions, outcomes); err != nil {
		return fmt.Errorf("read block %q: %w", h.Key, err)
	}
	return c.chain(h, protocol.BlockID(h.Key, body))
}

// outcomes compares how many transactions had which outcome.
func (c *check) outcomes(h Height, got map[string]int) {
	same := len(got) == len(h.Outcomes)
	for name, n := range got {
		same = same && h.Outcomes[name] == uint64(n)
	}
	if !same {
		c.add(Finding{
			Shard: cluster, What: fmt.Sprintf("the outcomes of block %q are not those that clients were told", h.Key),
			Expected: fmt.Sprint(got), Actual: fmt.Sprint(h.Outcomes),
		})
	}
}

// supply adds up what the block credits and debits.
func (c *check) supply(transactions []protocol.Transaction, outcomes protocol.Outcomes) error {
	for i, t := range transactions {
		if outcomes.At(i) != protocol.OutcomeApplied {
			continue
		}
		ops, err := ledger.Ops(t)
		if err != nil {
			return err
		}
		for _, op := range ops {
			c.report.Supply.Add(c.report.Supply, op.Supply())
		}
	}
	return nil
}

// balance adds up what a shard holds.
func (c *check) balance(shard int, key, value []byte) {
	if !bytes.HasPrefix(key, ledger.AccountKey("")) {
		return
	}
	b, err := ledger.Balance(value)
	if err != nil {
		c.add(Finding{Shard: shard, Key: string(key), What: err.Error(), Actual: shown(value), Expected: "a balance"})
		return
	}
	c.report.Balances.Add(c.report.Balances, b.ToBig())
}
