package demo

import (
	"fmt"
	"strings"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// String is the view on one line, for progress and for errors.
func (v view) String() string {
	var parts []string
	if v.cluster == nil && v.group != nil {
		parts = append(parts, "no coordinator leads")
	} else if v.cluster == nil {
		parts = append(parts, "coordinator down")
	} else {
		parts = append(parts, fmt.Sprintf("height %s, %d in flight", report.Count(v.cluster.Height), len(v.cluster.InFlight)))
	}
	for i, s := range v.shards {
		if s == nil {
			parts = append(parts, fmt.Sprintf("shard %d down", i))
			continue
		}
		text := fmt.Sprintf("shard %d %s at %s", i, report.Phrase(s.State), report.Count(s.CommittedHeight))
		if n := len(s.Prepared); n > 0 {
			text += fmt.Sprintf(" +%d prepared", n)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// table shows what every daemon says of itself.
func (v view) table() *report.Table {
	t := report.NewTable("process", "says it is", ">height", "holds prepared")
	if v.group != nil {
		v.groupRows(t)
	} else if c := v.cluster; c == nil {
		t.Row("coordinator", "down", "-", "-")
	} else {
		t.Row("coordinator", fmt.Sprintf("up, epoch %d", c.Epoch), report.Count(c.Height), "-")
	}
	for i, s := range v.shards {
		if s == nil {
			t.Row(fmt.Sprintf("shard %d", i), "down", "-", "-")
			continue
		}
		t.Row(fmt.Sprintf("shard %d", i), report.Phrase(s.State), report.Count(s.CommittedHeight), preparedText(s.Prepared))
	}
	return t
}

// groupRows shows the coordinators of several.
func (v view) groupRows(t *report.Table) {
	for i, m := range v.group {
		name := fmt.Sprintf("coordinator c%d", i+1)
		switch {
		case m == nil:
			t.Row(name, "down", "-", "-")
		case i == v.leader:
			t.Row(name, fmt.Sprintf("leader, term %d, epoch %d", m.Term, v.cluster.Epoch), report.Count(v.cluster.Height), "-")
		default:
			t.Row(name, fmt.Sprintf("%s, term %d", m.Role, m.Term), "-", "-")
		}
	}
}

func preparedText(prepared []report.Prepared) string {
	if len(prepared) == 0 {
		return "-"
	}
	var heights []string
	for _, p := range prepared {
		heights = append(heights, report.Count(p.Height))
	}
	return "height " + strings.Join(heights, ", ")
}
