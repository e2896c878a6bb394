package txfile

// skip reads over one value of any kind, checking that it is JSON.
func (s *scanner) skip() { s.skipAt(0) }

func (s *scanner) skipAt(depth int) {
	if depth > maxDepth {
		s.fail("values nested more than %d deep", maxDepth)
	}
	if s.err != nil {
		return
	}
	switch c := s.peek(); {
	case c == '"':
		s.str()
	case c == '{':
		for more := s.open('{', '}'); more; more = s.next('}') {
			s.name()
			s.skipAt(depth + 1)
		}
	case c == '[':
		for more := s.open('[', ']'); more; more = s.next(']') {
			s.skipAt(depth + 1)
		}
	case c == 't' || c == 'f':
		s.boolean()
	case c == 'n':
		s.word("null")
	default:
		s.number()
	}
}

// boolean reads true or false.
func (s *scanner) boolean() bool {
	if s.peek() == 't' {
		s.word("true")
		return true
	}
	s.word("false")
	return false
}

func (s *scanner) word(word string) {
	s.peek()
	if s.err == nil && len(s.buf)-s.pos >= len(word) && string(s.buf[s.pos:s.pos+len(word)]) == word {
		s.pos += len(word)
		return
	}
	s.unexpected(word)
}

// number reads over a number: -? int frac? exp?
func (s *scanner) number() {
	s.accept('-', '-')
	if !s.accept('0', '0') {
		s.digits()
	}
	if s.accept('.', '.') {
		s.digits()
	}
	if s.accept('e', 'E') {
		_ = s.accept('+', '-')
		s.digits()
	}
}

// accept takes the next byte if it is one of the two.
func (s *scanner) accept(a, b byte) bool {
	if s.err != nil || s.pos >= len(s.buf) || (s.buf[s.pos] != a && s.buf[s.pos] != b) {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) digits() {
	start := s.pos
	for s.pos < len(s.buf) && s.buf[s.pos] >= '0' && s.buf[s.pos] <= '9' {
		s.pos++
	}
	if s.pos == start {
		s.unexpected("a value")
	}
}
