package raftsnap

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

func TestSinkInPieces(t *testing.T) {
	var content bytes.Buffer
	must(t, WriteHead(&content, []byte("the head of it")))
	content.WriteString("and what follows")
	for size := 1; size <= content.Len(); size++ {
		s := mustOpen(t, scratch(t), Options{})
		sink := begin(t, s, 9, 1)
		for rest := content.Bytes(); len(rest) > 0; {
			n, err := sink.Write(rest[:min(size, len(rest))])
			must(t, err)
			rest = rest[n:]
		}
		must(t, sink.Close())
		_, head, appendix, err := load(t, s, sink.ID())
		if err != nil || head != "the head of it" || appendix != "and what follows" {
			t.Fatalf("in pieces of %d: %q, %q, %v", size, head, appendix, err)
		}
	}
}

func TestSinkEndsOnce(t *testing.T) {
	dir := scratch(t)
	s := mustOpen(t, dir, Options{})
	sink := begin(t, s, 9, 1)
	must(t, WriteHead(sink, []byte("head")))
	must(t, sink.Close())
	must(t, sink.Close())
	must(t, sink.Cancel()) // raft may, after Persist has closed it
	_, err := io.WriteString(sink, "more")
	wantErr(t, err, ErrClosed)
	if _, head, _, err := load(t, s, sink.ID()); head != "head" || err != nil {
		t.Errorf("%q, %v", head, err)
	}
	sink = begin(t, s, 10, 1)
	must(t, WriteHead(sink, []byte("cancelled")))
	must(t, sink.Cancel())
	must(t, sink.Cancel())
	wantErr(t, sink.Close(), ErrClosed)
	only(t, dir)
}

// TestIncomplete: a stream that breaks off before the end of the head is no
// snapshot, and what was there before stays.
func TestIncomplete(t *testing.T) {
	dir := scratch(t)
	s := mustOpen(t, dir, Options{})
	save(t, s, 5, 1, "before", "")
	var content bytes.Buffer
	must(t, WriteHead(&content, []byte("head")))
	for n := range content.Len() {
		sink := begin(t, s, 9, 1)
		_, err := sink.Write(content.Bytes()[:n])
		must(t, err)
		wantErr(t, sink.Close(), ErrIncomplete)
		wantErr(t, sink.Close(), ErrIncomplete)
		_, _, err = s.Open(sink.ID())
		wantErr(t, err, ErrNotExist)
		only(t, dir)
	}
	if n, err := s.Newest(); err != nil || string(n.Head) != "before" {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestHeadTooLong(t *testing.T) {
	dir := scratch(t)
	s := mustOpen(t, dir, Options{})
	sink := begin(t, s, 9, 1)
	length := binary.BigEndian.AppendUint64(nil, MaxHeadBytes+1)
	_, err := sink.Write(length)
	wantErr(t, err, ErrTooLong)
	_, err = sink.Write([]byte("more"))
	wantErr(t, err, ErrTooLong)
	wantErr(t, sink.Close(), ErrTooLong)
	if list := filesIn(t, dir); len(list) != 0 {
		t.Errorf("%v is left", list)
	}
	_, err = ReadHead(bytes.NewReader(length))
	wantErr(t, err, ErrTooLong)
	wantErr(t, WriteHead(io.Discard, make([]byte, MaxHeadBytes+1)), ErrTooLong)
	for n := range 12 {
		_, err := ReadHead(strings.NewReader("\x00\x00\x00\x00\x00\x00\x00\x05head"[:n]))
		wantErr(t, err, io.ErrUnexpectedEOF)
	}
}

func TestNoSpace(t *testing.T) {
	dir := scratch(t)
	s := mustOpen(t, dir, Options{FloorBytes: 1 << 60})
	sink := begin(t, s, 9, 1)
	wantErr(t, WriteHead(sink, []byte("head")), ErrNoSpace)
	wantErr(t, sink.Close(), ErrNoSpace)
	s = mustOpen(t, dir, Options{FloorBytes: 1})
	save(t, s, 10, 1, "head", "")
	only(t, dir)
}

func TestCreateRefusals(t *testing.T) {
	dir := filepath.Join(scratch(t), "snapshots")
	s := mustOpen(t, dir, Options{})
	if _, err := s.Create(0, 1, 1, servers, 1, nil); err == nil {
		t.Error("version 0 was taken")
	}
	long := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(strings.Repeat("x", maxConfigSize))}}}
	if _, err := s.Create(1, 1, 1, long, 1, nil); err == nil {
		t.Error("a long configuration was taken")
	}
	must(t, os.Rename(dir, dir+".away"))
	if _, err := s.Create(1, 1, 1, servers, 1, nil); err == nil {
		t.Error("a snapshot was begun in no directory")
	}
	must(t, os.Rename(dir+".away", dir))
	sink := begin(t, s, 2, 1)
	must(t, WriteHead(sink, nil))
	must(t, os.Rename(dir, dir+".away"))
	if sink.Close() == nil {
		t.Error("a snapshot was finished in no directory")
	}
	if _, err := Open(filepath.Join(dir, "below", "nothing"), Options{}); err == nil {
		t.Error("a directory was made in no directory")
	}
}
