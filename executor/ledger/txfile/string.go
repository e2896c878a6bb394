package txfile

import (
	"unicode/utf16"
	"unicode/utf8"
)

// str reads a string. The result is valid until the next string is read.
func (s *scanner) str() []byte {
	s.expect('"', "a string")
	if s.err != nil {
		return nil
	}
	start, ascii := s.pos, true
	for s.pos < len(s.buf) {
		switch c := s.buf[s.pos]; {
		case c == '"':
			s.pos++
			return s.checked(s.buf[start:s.pos-1], ascii)
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			s.fail("not JSON: control character %q at byte %d; write it as an escape", c, s.pos+1)
			return nil
		case c >= utf8.RuneSelf:
			ascii = false
		}
		s.pos++
	}
	s.unexpected("'\"'")
	return nil
}

func (s *scanner) checked(text []byte, ascii bool) []byte {
	if !ascii && !utf8.Valid(text) {
		s.fail("not JSON: text that is not UTF-8; use value_base64 for other bytes")
		return nil
	}
	return text
}

// escaped reads on in a string that has escapes, from its first one.
func (s *scanner) escaped(start int) []byte {
	s.scratch = append(s.scratch[:0], s.buf[start:s.pos]...)
	for s.err == nil && s.pos < len(s.buf) {
		c := s.buf[s.pos]
		switch {
		case c == '"':
			s.pos++
			return s.checked(s.scratch, false)
		case c == '\\':
			s.escape()
			continue
		case c < ' ':
			s.fail("not JSON: control character %q at byte %d; write it as an escape", c, s.pos+1)
			return nil
		}
		s.scratch = append(s.scratch, c)
		s.pos++
	}
	s.unexpected("'\"'")
	return nil
}

// escape reads one escape, from its backslash.
func (s *scanner) escape() {
	s.pos++
	if s.pos >= len(s.buf) {
		s.unexpected("an escape")
		return
	}
	switch c := s.buf[s.pos]; c {
	case '"', '\\', '/':
		s.scratch = append(s.scratch, c)
	case 'b':
		s.scratch = append(s.scratch, '\b')
	case 'f':
		s.scratch = append(s.scratch, '\f')
	case 'n':
		s.scratch = append(s.scratch, '\n')
	case 'r':
		s.scratch = append(s.scratch, '\r')
	case 't':
		s.scratch = append(s.scratch, '\t')
	case 'u':
		s.pos++
		s.scratch = utf8.AppendRune(s.scratch, s.codePoint())
		return
	default:
		s.unexpected("an escape")
		return
	}
	s.pos++
}

// codePoint reads the digits of \u, and of the \u after it if the first is half
// of a surrogate pair.
func (s *scanner) codePoint() rune {
	r := s.hex4()
	if s.err != nil || !utf16.IsSurrogate(r) {
		return r
	}
	if s.pos+1 < len(s.buf) && s.buf[s.pos] == '\\' && s.buf[s.pos+1] == 'u' {
		s.pos += 2
		r = utf16.DecodeRune(r, s.hex4())
	} else {
		r = utf8.RuneError
	}
	if r == utf8.RuneError {
		s.fail("not JSON: half of a surrogate pair before byte %d", s.pos+1)
	}
	return r
}

func (s *scanner) hex4() (r rune) {
	for range 4 {
		if s.pos >= len(s.buf) {
			s.unexpected("a hex digit")
			return 0
		}
		switch c := s.buf[s.pos]; {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			s.unexpected("a hex digit")
			return 0
		}
		s.pos++
	}
	return r
}
