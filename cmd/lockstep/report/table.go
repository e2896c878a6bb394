package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

// Table is rows under a header, two spaces between columns.
type Table struct{ w table.Writer }

// NewTable makes a table. A column whose name begins with '>' is aligned to the
// right, as numbers should be.
func NewTable(columns ...string) *Table {
	t := &Table{w: table.NewWriter()}
	t.w.SetStyle(style())
	t.w.SuppressTrailingSpaces()
	header := make(table.Row, len(columns))
	configs := make([]table.ColumnConfig, len(columns))
	for i, name := range columns {
		configs[i] = table.ColumnConfig{Number: i + 1, Align: text.AlignLeft}
		if len(name) > 0 && name[0] == '>' {
			name = name[1:]
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
		header[i] = name
	}
	t.w.AppendHeader(header)
	t.w.SetColumnConfigs(configs)
	return t
}

// Row adds a row; the cells are printed with fmt.Sprint. A cell may have several
// lines; whatever else a terminal would act on is escaped.
func (t *Table) Row(cells ...any) {
	row := slices.Clone(cells)
	for i, cell := range row {
		if text, ok := cell.(string); ok {
			row[i] = escapedLines(text)
		}
	}
	t.w.AppendRow(row)
}

func escapedLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = cli.Escaped(line)
	}
	return strings.Join(lines, "\n")
}

// WriteTo prints the table.
func (t *Table) WriteTo(w io.Writer) (int64, error) {
	n, err := fmt.Fprintln(w, t.w.Render())
	return int64(n), err
}

func style() table.Style {
	s := table.StyleLight
	s.Options = table.Options{SeparateHeader: true, SeparateColumns: true}
	s.Box = table.BoxStyle{MiddleHorizontal: "─", MiddleSeparator: "──", MiddleVertical: "  "}
	return s
}
