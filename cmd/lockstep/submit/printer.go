package submit

import (
	"fmt"
	"io"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// Printer prints results as they come, and the sums at the end.
type Printer interface {
	Result(Result) error
	Close() error
}

// NewPrinter prints to w: one line of JSON per block, and per transaction if
// outcomes is set; or tables for people.
func NewPrinter(w io.Writer, json, outcomes bool) Printer {
	if json {
		return jsonPrinter{w, outcomes}
	}
	return &tablePrinter{w: w, outcomes: outcomes, start: time.Now()}
}

func shape(r Result) report.Submitted {
	return report.SubmittedOf(r.Block.Key, string(r.Answer.Decision), r.Answer.Reason, len(r.Block.IDs), r.Answer.Block)
}

type jsonPrinter struct {
	w        io.Writer
	outcomes bool
}

func (p jsonPrinter) Result(r Result) error {
	if err := cli.WriteJSON(p.w, shape(r)); err != nil {
		return err
	}
	if !p.outcomes || r.Answer.Block == nil {
		return nil
	}
	lines, err := report.OutcomesOf(r.Answer.Block, r.Block.IDs)
	if err != nil {
		return err
	}
	for _, line := range lines {
		if err := cli.WriteJSON(p.w, line); err != nil {
			return err
		}
	}
	return nil
}

func (p jsonPrinter) Close() error { return nil }

// fewBlocks is how many blocks get a row each.
const fewBlocks = 20

// tablePrinter keeps the rows of the first blocks, and gives them up for the
// sums alone when there are more.
type tablePrinter struct {
	w        io.Writer
	outcomes bool
	start    time.Time
	rows     []report.Submitted
	summary  Summary
}

func (p *tablePrinter) Result(r Result) error {
	s := shape(r)
	p.summary.Add(s)
	if len(p.rows) <= fewBlocks {
		p.rows = append(p.rows, s)
	}
	if !p.outcomes || r.Answer.Block == nil {
		return nil
	}
	return p.transactions(r)
}

func (p *tablePrinter) transactions(r Result) error {
	lines, err := report.OutcomesOf(r.Answer.Block, r.Block.IDs)
	if err != nil {
		return err
	}
	t := report.NewTable(">index", "outcome", "id")
	for _, line := range lines {
		t.Row(line.Index, report.Phrase(line.Outcome), report.OrDash(line.ID))
	}
	if _, err := fmt.Fprintf(p.w, "block %s\n\n", report.Printable(r.Block.Key)); err != nil {
		return err
	}
	if _, err := t.WriteTo(p.w); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.w)
	return err
}

func (p *tablePrinter) Close() error {
	if n := len(p.rows); n > 0 && n <= fewBlocks {
		t := report.NewSubmittedTable()
		for _, s := range p.rows {
			t.Add(s)
		}
		if _, err := t.WriteTo(p.w); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(p.w); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(p.w, p.summary.Text(time.Since(p.start)))
	return err
}
