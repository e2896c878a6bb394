package raftsnap

import (
	"encoding/binary"
	"fmt"
	"io"
)

// MaxHeadBytes bounds the head of a snapshot.
const MaxHeadBytes = 1 << 30

// lengthBytes is the size of the length in front of a head.
const lengthBytes = 8

// WriteHead writes a head with its length in front, as a state machine has to
// do it to a sink. It does not close the sink.
func WriteHead(w io.Writer, head []byte) error {
	if len(head) > MaxHeadBytes {
		return tooLong(uint64(len(head)))
	}
	if _, err := w.Write(binary.BigEndian.AppendUint64(nil, uint64(len(head)))); err != nil {
		return err
	}
	_, err := w.Write(head)
	return err
}

// ReadHead reads the head from the content of a snapshot, and leaves the
// appendix unread. It takes no more memory than there are bytes.
func ReadHead(r io.Reader) ([]byte, error) {
	var length [lengthBytes]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, fmt.Errorf("read length of the head: %w", short(err))
	}
	n := binary.BigEndian.Uint64(length[:])
	if n > MaxHeadBytes {
		return nil, tooLong(n)
	}
	head, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && uint64(len(head)) < n {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("read head: %w", err)
	}
	return head, nil
}

func tooLong(bytes uint64) error {
	return fmt.Errorf("%w: %d bytes, at most %d allowed", ErrTooLong, bytes, MaxHeadBytes)
}

// short makes an end where more should come an error.
func short(err error) error {
	if err == io.EOF { //nolint:errorlint // as a reader gives it at its end; wrapped, it is a fault
		return io.ErrUnexpectedEOF
	}
	return err
}
