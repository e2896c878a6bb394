package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// warehouse is what the keys of the machine come to, for whoever looks from outside.
type warehouse struct {
	shelves map[string]shelf
	ordered map[string]uint64 // by item, over all orders
	orders  int
}

func newWarehouse() *warehouse {
	return &warehouse{shelves: map[string]shelf{}, ordered: map[string]uint64{}}
}

// add takes one key of the state with its value.
func (w *warehouse) add(key string, value []byte) error {
	if item, ok := strings.CutPrefix(key, "stock/"); ok {
		s, ok := parseShelf(value)
		if !ok {
			return fmt.Errorf("%q holds %q, which is no stock", key, value)
		}
		w.shelves[item] = s
		return nil
	}
	lines, ok := parseLines(strings.Split(string(value), " "))
	if !ok || !strings.HasPrefix(key, "order/") {
		return fmt.Errorf("%q holds %q, which is no order", key, value)
	}
	for _, l := range lines {
		w.ordered[l.item] += l.count
	}
	w.orders++
	return nil
}

// oversold names an item of which the free ones and those in orders are not as many as
// ever came.
func (w *warehouse) oversold() error {
	for _, item := range slices.Sorted(maps.Keys(w.shelves)) {
		if s := w.shelves[item]; s.free+w.ordered[item] != s.total {
			return fmt.Errorf("%s: %d free and %d in orders are not %d", item, s.free, w.ordered[item], s.total)
		}
	}
	return nil
}

// print writes the stock as a table.
func (w *warehouse) print(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\titem\tfree\tin orders\tever came\t")
	for _, item := range slices.Sorted(maps.Keys(w.shelves)) {
		s := w.shelves[item]
		fmt.Fprintf(table, "\t%s\t%d\t%d\t%d\t\n", item, s.free, w.ordered[item], s.total)
	}
	table.Flush() //nolint:errcheck // as all that the story tells
}
