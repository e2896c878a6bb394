package main

import (
	"fmt"
	"strings"
)

// markdown is a table of Markdown.
type markdown struct{ text strings.Builder }

func newMarkdown(columns ...string) *markdown {
	m := &markdown{}
	m.row(columns...)
	m.row(strings.Split(strings.TrimSuffix(strings.Repeat("---,", len(columns)), ","), ",")...)
	return m
}

func (m *markdown) row(cells ...string) {
	fmt.Fprintf(&m.text, "| %s |\n", strings.Join(cells, " | "))
}

// note adds a paragraph below the table.
func (m *markdown) note(format string, args ...any) {
	fmt.Fprintf(&m.text, "\n"+format+"\n", args...)
}

func (m *markdown) String() string { return m.text.String() }

// unknown stands where nothing was measured.
const unknown = "-"

// three writes a number with three digits that count.
func three(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// orUnknown writes a number that may not have been measured.
func orUnknown(v *float64) string {
	if v == nil {
		return unknown
	}
	return three(*v)
}

// mebibytes writes bytes.
func mebibytes(n int64) string { return three(float64(n)/(1<<20)) + " MiB" }
