package raftsnap

import (
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// stream is an open snapshot: the head and then the appendix.
type stream struct {
	io.Reader
	closers []io.Closer
}

// Close lets go of everything.
func (s *stream) Close() error {
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// stream checks the head and joins it with the appendix: that in the file, or
// that of the moment, whose size is added to the meta.
func (s *Store) stream(f *file) (*stream, error) {
	if err := f.checkHead(); err != nil {
		return nil, err
	}
	head := io.NewSectionReader(f.os, f.content(), f.headEnd())
	if f.kind == withAppendix {
		rest := io.NewSectionReader(f.os, f.content()+head.Size(), f.appendixLength())
		checked := &checkedReader{r: rest, id: f.id, left: rest.Size(), sum: crc32.New(castagnoli), want: f.appendixSum}
		return &stream{Reader: io.MultiReader(head, checked), closers: []io.Closer{f.os}}, nil
	}
	if s.opts.Appendix == nil {
		return &stream{Reader: head, closers: []io.Closer{f.os}}, nil
	}
	size, r, err := s.opts.Appendix()
	if err != nil {
		return nil, fmt.Errorf("open appendix of raft snapshot: %w", err)
	}
	f.meta.Size += size
	return &stream{Reader: io.MultiReader(head, &exactReader{r: r, left: size}), closers: []io.Closer{f.os, r}}, nil
}

// checkedReader reads to the end and compares the sum there. It is damage if
// the end comes early.
type checkedReader struct {
	r    io.Reader
	id   string
	left int64
	sum  hash.Hash32
	want uint32
}

func (c *checkedReader) Read(p []byte) (n int, err error) {
	n, err = c.r.Read(p)
	c.sum.Write(p[:n])
	c.left -= int64(n)
	if err == io.EOF && (c.left != 0 || c.sum.Sum32() != c.want) {
		return n, damaged(c.id, "its appendix does not match its checksum")
	}
	return n, err
}

// exactReader reads an appendix that must have just the size that was promised.
type exactReader struct {
	r    io.Reader
	left int64
}

func (e *exactReader) Read(p []byte) (n int, err error) {
	n, err = e.r.Read(p)
	e.left -= int64(n)
	switch {
	case e.left < 0:
		return n, fmt.Errorf("%w: it is longer", ErrAppendix)
	case err == io.EOF && e.left > 0:
		return n, fmt.Errorf("%w: %d bytes are missing", ErrAppendix, e.left)
	}
	return n, err
}
