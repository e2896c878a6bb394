package txfile

import (
	"fmt"
	"strings"

	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

// MaxIDBytes bounds the id of a transaction, which is kept until its block has
// been dealt with.
const MaxIDBytes = 1 << 10

// entry is one line that holds a transaction.
type entry struct {
	block       string
	keyed       bool // the line has a block
	id          string
	transaction protocol.Transaction
	size        int // bytes of the canonical encoding
	line        int
}

// lineReader turns lines into entries and reuses its working memory.
type lineReader struct {
	limits  protocol.Limits
	scanner scanner
	encoder ledger.Encoder
	ops     []ledger.Op
}

// read reads one line. The entry shares nothing with it. With an error, the
// entry has the block if that is certain, and else none.
func (r *lineReader) read(line []byte) (entry, error) {
	e, err := r.parse(line)
	if err != nil {
		return e, err
	}
	e.transaction, err = r.encoder.Encode(r.ops)
	if err != nil {
		return e, err
	}
	e.size = e.transaction.EncodedLen()
	return e, r.checkLimits(e)
}

// parse reads the JSON of a line; the ops are left in r.ops.
func (r *lineReader) parse(line []byte) (e entry, err error) {
	s := &r.scanner
	s.reset(line)
	r.ops = r.ops[:0]
	if s.peek() != '{' && s.kind() != "nothing" {
		return e, fmt.Errorf("the line is %s; a transaction is an object with ops", s.kind())
	}
	var seen struct{ block, id, ops bool }
	for more := s.open('{', '}'); more; more = s.next('}') {
		switch name := s.name(); string(name) {
		case "block":
			once(s, &seen.block, "block")
			e.block, e.keyed = readName(s, "block"), true
		case "id":
			once(s, &seen.id, "id")
			e.id = string(readString(s, "id"))
		case "ops":
			once(s, &seen.ops, "ops")
			r.readOps()
		default:
			s.ignore(name)
		}
	}
	s.end()
	if s.err == nil && len(r.ops) == 0 {
		s.fail(`transaction without ops; "ops" must be an array of at least one`)
	}
	return e, s.err
}

func once(s *scanner, seen *bool, name string) {
	if *seen {
		s.fail("field %q comes twice", name)
	}
	*seen = true
}

// readOps reads the array of ops. Errors say which op, unless it is the first.
func (r *lineReader) readOps() {
	s := &r.scanner
	if s.err == nil && s.peek() != '[' {
		s.fail(`"ops" is %s; it must be an array of ops`, s.kind())
	}
	for more := s.open('[', ']'); more; more = s.next(']') {
		op, err := readOp(s, r.limits.ValueBytes)
		if err != nil {
			s.err = nil
			if n := len(r.ops) + 1; n > 1 {
				err = fmt.Errorf("op %d: %w", n, err)
			}
			s.fail("%w", err)
			return
		}
		r.ops = append(r.ops, op)
	}
}

// ignore skips a field that means nothing here, but refuses one that was most
// likely meant to: a lost block key would make submitting twice pay twice.
func (s *scanner) ignore(name []byte) {
	for _, known := range []string{"block", "id", "ops"} {
		if misspelt(string(name), known) {
			s.fail("unknown field %q; did you mean %q?", name, known)
			return
		}
	}
	s.skip()
}

// misspelt reports whether name differs from known by case only, or, where
// that is not too short to tell, by one letter: missing, extra, wrong, or
// swapped with its neighbour.
func misspelt(name, known string) bool {
	name = strings.ToLower(name)
	if name == known {
		return true
	}
	if len(known) < 3 {
		return false
	}
	for len(name) > 0 && len(known) > 0 && name[0] == known[0] {
		name, known = name[1:], known[1:]
	}
	for len(name) > 0 && len(known) > 0 && name[len(name)-1] == known[len(known)-1] {
		name, known = name[:len(name)-1], known[:len(known)-1]
	}
	if len(name) == 2 && len(known) == 2 {
		return name[0] == known[1] && name[1] == known[0]
	}
	return len(name) <= 1 && len(known) <= 1
}

func (r *lineReader) checkLimits(e entry) error {
	t, l := e.transaction, r.limits
	switch {
	case len(e.block) > protocol.MaxBlockKeyBytes:
		return fmt.Errorf("block key of %d bytes is over the limit of %d bytes", len(e.block), protocol.MaxBlockKeyBytes)
	case len(e.id) > MaxIDBytes:
		return fmt.Errorf("id of %d bytes is over the limit of %d bytes", len(e.id), MaxIDBytes)
	case len(t.Access) > l.TransactionKeys:
		return fmt.Errorf("transaction with %d keys is over the limit of %d keys", len(t.Access), l.TransactionKeys)
	case len(t.Payload) > l.TransactionPayload:
		return fmt.Errorf("transaction with %d bytes of ops is over the limit of %d bytes", len(t.Payload), l.TransactionPayload)
	case bodyOverhead+e.size > l.BlockBytes:
		return fmt.Errorf("transaction of %d bytes does not fit into a block of %d bytes", e.size, l.BlockBytes)
	}
	for _, a := range t.Access {
		if len(a.Key) > l.KeyBytes {
			return fmt.Errorf("key %.64q of %d bytes is over the limit of %d bytes", a.Key, len(a.Key), l.KeyBytes)
		}
	}
	return nil
}
