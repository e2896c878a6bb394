package cli

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsText reports whether a terminal shows text as it is: valid UTF-8 of what
// can be printed, and nothing that it would act on, such as escape sequences,
// ends of lines and marks that turn the direction of writing.
func IsText(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, unprintable) < 0
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// Escaped gives what is no text the form that it has in a string of Go: \n, \x1b,
// \u202e. Whatever came from a client or a peer goes through here, or through
// report.Printable, which quotes it, before it is shown to people.
func Escaped(s string) string {
	if IsText(s) {
		return s
	}
	var out strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&out, `\x%02x`, s[0])
		case unprintable(r):
			quoted := strconv.QuoteRune(r)
			out.WriteString(quoted[1 : len(quoted)-1])
		default:
			out.WriteString(s[:n])
		}
		s = s[n:]
	}
	return out.String()
}

// EscapedJSON writes JSON so that it may be shown on a terminal: what cannot be
// printed stands only within its strings, and becomes \u001b there, which means
// the same. Ends of lines stay.
func EscapedJSON(text []byte) []byte {
	if bytes.IndexFunc(text, actsInJSON) < 0 {
		return text
	}
	out := make([]byte, 0, len(text)+16)
	for _, r := range string(text) {
		switch {
		case !actsInJSON(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

func actsInJSON(r rune) bool { return r != '\n' && unprintable(r) }
