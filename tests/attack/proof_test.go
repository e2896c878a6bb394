package attack

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/proof"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// historyTimeout bounds how long it takes to get a page of the history.
const historyTimeout = 10 * time.Second

// prove checks everything that the run left, first of the running cluster, then of its
// stopped nodes.
func (s *siege) prove() {
	s.t.Helper()
	history, err := s.history()
	if err == nil {
		err = s.load.told(history)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.StopAll()
	in := proof.Input{History: history, Blocks: s.blocks}
	for _, n := range s.Shards {
		in.Shards = append(in.Shards, n.Data)
	}
	for _, n := range s.Coordinators {
		in.Coordinators = append(in.Coordinators, n.Data)
	}
	report, err := proof.Check(in)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range report.Findings {
		s.t.Errorf("the proof finds: %s", f)
	}
	s.t.Logf("proven: %d heights, %d transactions, root %s", report.Height, report.Transactions, report.Root)
}

// history gives all heights.
func (s *siege) history() (all []proof.Height, err error) {
	for {
		ctx, cancel := context.WithTimeout(s.t.Context(), historyTimeout)
		before := len(all)
		err := s.load.client.Blocks(ctx, uint64(before)+1, 500, func(blocks []*wirepb.Block) error {
			for _, b := range blocks {
				all = append(all, proof.HeightOf(b))
			}
			return nil
		})
		cancel()
		if err != nil {
			return nil, fmt.Errorf("read the history: %w", err)
		}
		if len(all) == before {
			return all, nil
		}
	}
}

// told checks that every answer stands in the history as it was given, and that no
// block is there twice.
func (l *load) told(history []proof.Height) error {
	at := map[string]proof.Height{}
	for _, h := range history {
		if twice, ok := at[h.Key]; ok {
			return fmt.Errorf("block %q is committed at height %d and at height %d", h.Key, twice.Height, h.Height)
		}
		at[h.Key] = h
	}
	for _, a := range l.answers {
		if is, ok := at[a.Key]; !ok || !reflect.DeepEqual(is, a.Height) {
			return fmt.Errorf("block %q was answered as %+v, and stands in the history as %+v", a.Key, a.Height, is)
		}
	}
	return nil
}
