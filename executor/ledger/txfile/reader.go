package txfile

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/lockstep-exec/lockstep/protocol"
)

// DefaultBlockSize is how many lines without a block make one.
const DefaultBlockSize = 1000

var errBlockSize = errors.New("block size must be at least 1")

// bodyOverhead is what protocol.EncodeBody adds to the transactions.
const bodyOverhead = 4

// Options say how to cut a file into blocks. The zero value has the defaults.
type Options struct {
	BlockSize int             // most transactions of a block that the file does not name; 0: DefaultBlockSize
	Limits    protocol.Limits // of the cluster; zero: protocol.DefaultLimits
}

// Block is one block of a file.
type Block struct {
	Key                 string   // block key
	IDs                 []string // by transaction; "" where the line has none
	Transactions        []protocol.Transaction
	Body                []byte // the canonical encoding of Transactions
	FirstLine, LastLine int    // from 1
}

// Error is a fault at a line of a file.
type Error struct {
	File string
	Line int // from 1
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

// Unwrap gives the fault without the place.
func (e *Error) Unwrap() error { return e.Err }

// Reader gives a file's blocks one after the other. It holds one block at a
// time, and some 40 bytes for every named block before it. It belongs to one
// goroutine at a time.
type Reader struct {
	name      string
	closer    io.Closer
	lines     lines
	parser    lineReader
	blockSize int
	ahead     *entry      // read, but of the next block
	last      map[tag]int // last line of every named block given out
	err       error       // what ended the file: io.EOF or a fault
}

// Open opens a file, or standard input if path is "-". The caller must Close
// the Reader.
func Open(path string, o Options) (*Reader, error) {
	if path == "-" {
		return NewReader(os.Stdin, "standard input", o)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(f, path, o)
	if err != nil {
		_ = f.Close() // only read from
		return nil, err
	}
	r.closer = f
	return r, nil
}

// NewReader reads from r. The name stands in errors and block keys, and if it
// ends in .gz, r must be gzip.
func NewReader(r io.Reader, name string, o Options) (*Reader, error) {
	if o.BlockSize == 0 {
		o.BlockSize = DefaultBlockSize
	}
	if o.Limits == (protocol.Limits{}) {
		o.Limits = protocol.DefaultLimits()
	}
	if o.BlockSize < 1 {
		return nil, errBlockSize
	}
	if err := o.Limits.Validate(); err != nil {
		return nil, err
	}
	text, err := plain(r, name)
	if err != nil {
		return nil, err
	}
	return &Reader{
		name:      name,
		lines:     lines{r: text},
		parser:    lineReader{limits: o.Limits},
		blockSize: min(o.BlockSize, o.Limits.BlockTransactions),
		last:      make(map[tag]int),
	}, nil
}

// Close closes what Open opened.
func (r *Reader) Close() error {
	if r.closer == nil {
		return nil
	}
	return r.closer.Close()
}

// Next gives the next block; io.EOF after the last. Any other error is an
// *Error and means that the file is refused: no more blocks come, and Next
// gives the same error again.
func (r *Reader) Next() (Block, error) {
	if r.err != nil {
		return Block{}, r.err
	}
	b, err := r.block()
	if err != nil {
		r.err = err
		return Block{}, err
	}
	return b, nil
}

// block collects the lines of one block, up to the line after it.
func (r *Reader) block() (Block, error) {
	first, err := r.peek()
	if err != nil {
		return Block{}, err
	}
	if err := r.checkNew(first); err != nil {
		return Block{}, err
	}
	p := pending{first: first, size: bodyOverhead}
	p.add(first)
	r.ahead = nil
	for more := true; more; {
		if more, err = r.extend(&p); err != nil {
			return Block{}, err
		}
	}
	return r.finish(&p), nil
}

// extend adds the next line if it is of the block. It does not wait for a line
// that a full batch does not need.
func (r *Reader) extend(p *pending) (bool, error) {
	if !p.first.keyed && len(p.transactions) == r.blockSize {
		return false, nil
	}
	e, err := r.peek()
	switch {
	case err == io.EOF: //nolint:errorlint // peek gives the end as it is; an error that wraps it is a fault
		return false, nil
	case err != nil && e.block != "" && e.block != p.first.block:
		r.err = err // of the next block; this one is sound
		return false, nil
	case err != nil:
		return false, err
	}
	belongs, err := r.belongs(p, e)
	if belongs {
		p.add(e)
		r.ahead = nil
	}
	return belongs, err
}

// peek gives the next entry and leaves it there. An entry that comes with an
// error has its block, if that is certain, and nothing else.
func (r *Reader) peek() (*entry, error) {
	if r.ahead != nil {
		return r.ahead, nil
	}
	line, err := r.lines.next()
	if err == io.EOF { //nolint:errorlint // next gives the end as it is; an error that wraps it is a fault
		return &entry{}, err
	}
	if err != nil {
		return &entry{}, r.at(r.lines.number, err)
	}
	e, err := r.parser.read(line)
	if err != nil {
		return &e, r.at(r.lines.number, err)
	}
	e.line = r.lines.number
	r.ahead = &e
	return r.ahead, nil
}

// belongs reports whether the entry is of the block. A batch that is full ends
// before it; a block that has a name cannot be cut.
func (r *Reader) belongs(p *pending, e *entry) (bool, error) {
	if e.keyed != p.first.keyed || e.block != p.first.block {
		return false, nil
	}
	l := r.parser.limits
	switch fits := p.size+e.size <= l.BlockBytes; {
	case !p.first.keyed:
		return fits, nil
	case !fits:
		return false, r.at(e.line, fmt.Errorf("block %.64q is over the limit of %d bytes", e.block, l.BlockBytes))
	case len(p.transactions) == l.BlockTransactions:
		return false, r.at(e.line, fmt.Errorf("block %.64q is over the limit of %d transactions", e.block, l.BlockTransactions))
	}
	return true, nil
}

// checkNew refuses a block that was given out before.
func (r *Reader) checkNew(first *entry) error {
	if !first.keyed {
		return nil
	}
	if last, ok := r.last[tagOf(first.block)]; ok {
		return r.at(first.line, fmt.Errorf("block %.64q ended at line %d; the lines of a block must follow each other", first.block, last))
	}
	return nil
}

func (r *Reader) finish(p *pending) Block {
	b := p.block()
	if p.first.keyed {
		b.Key = p.first.block
		r.last[tagOf(b.Key)] = b.LastLine
	} else {
		b.Key = batchKey(r.name, b)
	}
	return b
}

func (r *Reader) at(line int, err error) error { return &Error{File: r.name, Line: line, Err: err} }
