package txfile

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/holiman/uint256"

	"github.com/lockstep-exec/lockstep/executor/ledger"
)

// opReader reads the fields of one op in whatever order they come.
type opReader struct {
	seen    field
	foreign string // the first field that no op has, or ""
	op      *shape

	from, to, account, key string
	amount                 uint256.Int
	value                  []byte
}

// readOp reads one op object.
func readOp(s *scanner, maxValueBytes int) (ledger.Op, error) {
	var r opReader
	if s.peek() != '{' {
		s.fail("an op is %s; it must be an object", s.kind())
	}
	for more := s.open('{', '}'); more; more = s.next('}') {
		r.read(s, s.name())
	}
	if s.err != nil {
		return ledger.Op{}, s.err
	}
	if err := r.check(); err != nil {
		return ledger.Op{}, err
	}
	if len(r.value) > maxValueBytes {
		return ledger.Op{}, fmt.Errorf("value of %d bytes is over the limit of %d bytes", len(r.value), maxValueBytes)
	}
	return r.op.build(&r), nil
}

func (r *opReader) read(s *scanner, name []byte) {
	f := fieldOf(name)
	if r.seen&f != 0 {
		s.fail("field %q comes twice", name)
		return
	}
	r.seen |= f
	switch f {
	case fieldOp:
		r.readName(s)
	case fieldFrom:
		r.from = readName(s, "from")
	case fieldTo:
		r.to = readName(s, "to")
	case fieldAccount:
		r.account = readName(s, "account")
	case fieldKey:
		r.key = readName(s, "key")
	case fieldAmount:
		r.readAmount(s)
	case fieldValue:
		r.value = append([]byte(nil), readString(s, "value")...)
	case fieldBase64:
		r.readBase64(s)
	case fieldAbsent:
		readTrue(s, "absent")
	default:
		if r.foreign == "" {
			r.foreign = fmt.Sprintf("%.64q", name)
		}
		s.skip()
	}
}

func (r *opReader) readName(s *scanner) {
	name := readString(s, "op")
	for i := range shapes {
		if shapes[i].name == string(name) {
			r.op = &shapes[i]
			return
		}
	}
	s.fail("unknown op %.64q; use %s", name, opNames)
}

func (r *opReader) readAmount(s *scanner) {
	if s.err == nil && s.peek() != '"' {
		s.fail(`"amount" is %s; it must be a string of decimal digits, such as "31337"`, s.kind())
	}
	digits := s.str()
	if s.err != nil {
		return
	}
	amount, err := ledger.ParseAmount(string(digits))
	if err != nil {
		s.fail("%w", err)
	}
	r.amount = amount
}

func (r *opReader) readBase64(s *scanner) {
	text := readString(s, "value_base64")
	value, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil {
		s.fail(`"value_base64" is not standard base64 with padding`)
	}
	r.value = value
}

// readString reads the value of a field that must be a string. It is valid
// until the next string is read.
func readString(s *scanner, name string) []byte {
	if s.err == nil && s.peek() != '"' {
		s.fail("%q is %s; it must be a string", name, s.kind())
	}
	return s.str()
}

// readName reads the value of a field that names something.
func readName(s *scanner, name string) string {
	text := readString(s, name)
	if s.err == nil && len(text) == 0 {
		s.fail("%q is empty", name)
	}
	return string(text)
}

func readTrue(s *scanner, name string) {
	if kind := s.kind(); s.err == nil && (kind != "a boolean" || !s.boolean()) {
		s.fail("%q must be true, or left out", name)
	}
}

// check holds the fields that came against those that the op has.
func (r *opReader) check() error {
	if r.op == nil {
		return errors.New(`an op lacks the field "op"; use ` + opNames)
	}
	if extra := r.seen &^ (fieldOp | r.op.needs | r.op.oneOf); extra != 0 && r.foreign == "" {
		r.foreign = fmt.Sprintf("%q", first(extra))
	}
	if r.foreign != "" {
		return fmt.Errorf("unknown field %s in %s; it has %s", r.foreign, r.op.name, r.op.fields)
	}
	if missing := r.op.needs &^ r.seen; missing != 0 {
		return fmt.Errorf("%s lacks %q; it has %s", r.op.name, first(missing), r.op.fields)
	}
	if given := r.seen & content; r.op.oneOf != 0 && bits.OnesCount16(uint16(given)) != 1 {
		return r.wrongContent(given)
	}
	return nil
}

func (r *opReader) wrongContent(given field) error {
	if given == 0 {
		return fmt.Errorf("%s lacks a value; it has %s", r.op.name, r.op.fields)
	}
	var names []string
	for ; given != 0; given &= given - 1 {
		names = append(names, first(given))
	}
	return fmt.Errorf("%s has %s; give only one of them", r.op.name, strings.Join(names, " and "))
}
