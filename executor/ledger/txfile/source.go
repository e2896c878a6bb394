package txfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxLineBytes bounds one line, so that a file without line ends cannot take
// all memory.
const MaxLineBytes = 64 << 20

const bufferBytes = 256 << 10

// plain gives the text of a source that may be gzip. A name that ends in .gz
// promises it; else the first two bytes tell, with which no JSON begins.
func plain(r io.Reader, name string) (*bufio.Reader, error) {
	buffered := bufio.NewReaderSize(r, bufferBytes)
	magic, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	named := strings.HasSuffix(name, ".gz")
	if !named && !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return buffered, nil
	}
	unpacked, err := gzip.NewReader(buffered)
	if errors.Is(err, io.EOF) || errors.Is(err, gzip.ErrHeader) {
		return nil, fmt.Errorf("%s is not gzip, though its name ends in .gz; rename or compress it", name)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return bufio.NewReaderSize(unpacked, bufferBytes), nil
}

// lines reads lines up to MaxLineBytes and counts them.
type lines struct {
	r      *bufio.Reader
	long   []byte // a line that did not fit into r's buffer
	number int    // of the last line, from 1
}

// next gives the next line that is not blank, valid until the call after it;
// io.EOF at the end.
func (l *lines) next() ([]byte, error) {
	for {
		line, err := l.raw()
		line = bytes.TrimSpace(line)
		if err != nil || len(line) > 0 {
			return line, err
		}
	}
}

// raw reads up to and including the line end, or up to the end of the file.
func (l *lines) raw() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if len(line) == 0 && err == io.EOF { //nolint:errorlint // the end is io.EOF itself; an error that wraps it is a fault
		return nil, io.EOF
	}
	l.number++
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.rest(line)
	}
	switch err {
	case nil, io.EOF, errLongLine: //nolint:errorlint // as above
		return line, ignoreEOF(err)
	case io.ErrUnexpectedEOF:
		return nil, errors.New("the gzip data ends too early; the file is not complete")
	}
	return nil, fmt.Errorf("read: %w", err)
}

// ignoreEOF: a last line needs no line end.
func ignoreEOF(err error) error {
	if err == io.EOF { //nolint:errorlint // raw hands it on as it is
		return nil
	}
	return err
}

var errLongLine = fmt.Errorf("line is over the limit of %d MiB", MaxLineBytes>>20)

func (l *lines) rest(start []byte) (line []byte, err error) {
	l.long = append(l.long[:0], start...)
	for err = bufio.ErrBufferFull; err == bufio.ErrBufferFull; {
		line, err = l.r.ReadSlice('\n')
		if len(l.long)+len(line) > MaxLineBytes {
			return nil, errLongLine
		}
		l.long = append(l.long, line...)
	}
	return l.long, err
}
