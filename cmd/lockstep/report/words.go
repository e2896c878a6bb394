package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

// Count writes a number with commas between thousands.
func Count[N ~int | ~int64 | ~uint32 | ~uint64](n N) string {
	digits := fmt.Sprint(n)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Plural writes a number with its noun, which takes an s for any but one.
func Plural[N ~int | ~int64 | ~uint32 | ~uint64](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Count(n) + " " + noun
}

// Duration writes a time with about three digits: 12ms, 1.23s, 2m5s.
func Duration(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return d.String()
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// shortDigest is enough of a digest to tell two apart at a glance.
const shortDigest = 8

func short(digest string) string { return digest[:min(len(digest), shortDigest)] }

// Printable gives text as it is if a terminal shows it as it is, else quoted.
func Printable(s string) string {
	if s != "" && cli.IsText(s) {
		return s
	}
	return strconv.Quote(s)
}

// Fit cuts text to a number of columns, in the middle, where names differ least.
func Fit(s string, columns int) string {
	runes := []rune(s)
	if len(runes) <= columns {
		return s
	}
	head := (columns - 1) / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(columns-1-head):])
}

// Phrase writes a name of the API for people: waiting_for_coordinator without
// the underscores.
func Phrase(name string) string { return strings.ReplaceAll(Printable(name), "_", " ") }

// OrDash is Printable, but a dash for no text.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return Printable(s)
}
