package demo

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/proof"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// prove stops everything and compares every byte.
func (d *demo) prove(ctx context.Context) error {
	number := 5
	if d.options.several() {
		number = 6
	}
	d.stage.heading("%d. The proof", number)
	if _, err := d.await(ctx, "all shards are level", func(v view) bool { return v.level(0) }); err != nil {
		return err
	}
	history, err := d.history(ctx)
	if err != nil {
		return err
	}
	if err := d.book.check(history); err != nil {
		return err
	}
	d.stage.Say("all %s answers that clients were given are what was committed", report.Count(len(d.book.answers)))
	slowest, err := d.cluster.stop()
	if err != nil {
		return err
	}
	d.stage.Say("SIGTERM: every process has ended in order, with exit code 0, the slowest after %s", report.Duration(slowest))
	return verify(d.stage, d.space.dir, history)
}

// history asks for what was committed, and keeps it.
func (d *demo) history(ctx context.Context) ([]proof.Height, error) {
	var history []proof.Height
	v := d.cluster.look(ctx)
	if v.cluster == nil {
		return nil, fmt.Errorf("the coordinator does not say what it has committed")
	}
	err := d.cluster.client.Blocks(ctx, 1, int(v.cluster.Height), func(page []*wirepb.Block) error {
		for _, b := range page {
			history = append(history, proof.HeightOf(b))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return history, proof.WriteHistory(d.space.dir, history)
}

// Verify proves again a demo that has run in a directory.
func Verify(o Options) error {
	dir, err := filepath.Abs(o.Directory)
	if err != nil {
		return err
	}
	history, err := proof.ReadHistory(dir)
	if err != nil {
		return cli.Usage(err)
	}
	s := newStage(o)
	s.heading("The proof")
	return verify(s, dir, history)
}

// verify checks the directories of stopped shards and shows what that came to.
func verify(s *stage, dir string, history []proof.Height) error {
	if len(history) == 0 {
		return cli.Usagef("nothing was committed in %s", dir)
	}
	var shards []string
	for i := range history[0].Digests {
		shards = append(shards, filepath.Join(dir, shardFolder+strconv.Itoa(i)))
	}
	blocks, err := proof.OpenBlocks(dir)
	if err != nil {
		return err
	}
	coordinators, err := filepath.Glob(filepath.Join(dir, coordinatorFolder+"[0-9]*"))
	if err != nil {
		return err
	}
	r, err := proof.Check(proof.Input{Shards: shards, Coordinators: coordinators, History: history, Blocks: blocks, Progress: func(height, heights int) {
		s.Progress("running the committed blocks one after the other: %s of %s", report.Count(height), report.Count(heights))
	}})
	if err != nil {
		return err
	}
	showProof(s, r)
	if err := s.result("proof", r); err != nil {
		return err
	}
	if r.Holds() {
		return nil
	}
	return cli.Refusedf("the proof fails: %s; the first: %s", report.Plural(r.Total, "difference"), r.Findings[0])
}

// showHistories shows what several coordinators hold.
func showHistories(s *stage, r *proof.Report) {
	if len(r.Coordinators) == 0 {
		return
	}
	s.Say("every height is on a majority of the coordinators, in its history or still in its log")
	t := report.NewTable("coordinator", ">in history", ">in log", "every decision")
	for _, c := range r.Coordinators {
		same := "as clients were told"
		if !c.Same {
			same = "DIFFERENT"
		}
		t.Row(c.Name, report.Count(c.Height), report.Count(c.Logged), same)
	}
	s.table(t)
}

func showProof(s *stage, r *proof.Report) {
	s.Say("%s with %s run again, one after the other, in one process", report.Plural(r.Height, "block"), report.Plural(r.Transactions, "transaction"))
	t := report.NewTable(">shard", ">height", ">in database", ">pairs", "state digest, added up anew", "every byte")
	for _, shard := range r.Shards {
		same := "as it should be"
		if !shard.Same {
			same = "DIFFERENT"
		}
		t.Row(shard.ID, report.Count(shard.Height), report.Count(shard.Checkpointed), report.Count(shard.Pairs), report.OrDash(report.Fit(shard.Digest, 24)), same)
	}
	s.table(t)
	showHistories(s, r)
	for _, f := range r.Findings {
		s.Say("%s", f)
	}
	if more := r.Total - len(r.Findings); more > 0 {
		s.Say("and %s", report.Plural(more, "difference"))
	}
	if r.Holds() {
		s.Say("chain root %s", r.Root)
		s.Say("the balances add up to %s, as much as was credited less what was debited", r.Balances)
	}
}
