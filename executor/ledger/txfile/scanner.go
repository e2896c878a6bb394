package txfile

import (
	"fmt"
	"unicode/utf8"
)

// scanner reads one JSON text front to back, without building values. It takes
// what RFC 8259 allows and nothing else, and no text that is not UTF-8. The
// first error sticks; after it everything reads as empty.
//
// It exists because encoding/json matches field names without regard to case
// and lets duplicate fields and invalid UTF-8 pass, which here would be money.
type scanner struct {
	buf     []byte
	pos     int
	err     error
	scratch []byte // of the last string that had escapes
}

const maxDepth = 64 // of nested values that are skipped

// reset begins with another text.
func (s *scanner) reset(text []byte) { s.buf, s.pos, s.err = text, 0, nil }

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

// unexpected fails at the current position.
func (s *scanner) unexpected(want string) {
	if s.pos >= len(s.buf) {
		s.fail("not JSON: the line ends where %s is expected", want)
		return
	}
	r, _ := utf8.DecodeRune(s.buf[s.pos:])
	s.fail("not JSON: %q at byte %d where %s is expected", r, s.pos+1, want)
}

// peek gives the first byte of what comes next, or 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.buf) {
		switch c := s.buf[s.pos]; c {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) expect(c byte, want string) {
	if s.err == nil && s.peek() == c {
		s.pos++
		return
	}
	s.unexpected(want)
}

// open enters an object or array and reports whether it has a first member:
//
//	for more := s.open('[', ']'); more; more = s.next(']') { … }
func (s *scanner) open(begin, end byte) bool {
	s.expect(begin, string(begin))
	if s.err == nil && s.peek() == end {
		s.pos++
		return false
	}
	return s.err == nil
}

// next goes on to the next member, if there is one.
func (s *scanner) next(end byte) bool {
	if s.err != nil {
		return false
	}
	switch s.peek() {
	case ',':
		s.pos++
		return true
	case end:
		s.pos++
		return false
	}
	s.unexpected("',' or '" + string(end) + "'")
	return false
}

// name reads a member's name and the colon. It is valid until the next string.
func (s *scanner) name() []byte {
	name := s.str()
	s.expect(':', "':'")
	return name
}

// end fails if anything but white space is left.
func (s *scanner) end() {
	if s.err == nil && (s.peek() != 0 || s.pos < len(s.buf)) {
		s.unexpected("the end of the line")
	}
}

// kind names what comes next, for errors.
func (s *scanner) kind() string {
	switch c := s.peek(); {
	case c == '"':
		return "a string"
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == 't' || c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	case c == '-' || (c >= '0' && c <= '9'):
		return "a number"
	}
	return "nothing"
}
