package txfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzReader: a file is refused at one of its lines, for good, or comes to blocks
// that follow one another in its lines, have different keys, and are what their bodies
// say. Lines longer than the buffer are read as others.
func FuzzReader(ff *testing.F) {
	f := fuzz.New(ff)
	pay := `{"ops":[{"op":"credit","account":"a","amount":"1"}]}`
	named := func(block string) string { return `{"block":"` + block + `",` + pay[1:] }
	f.Add([]byte(pay + "\n" + pay + "\n\n" + pay))
	f.Add([]byte(named("a") + "\n" + named("a") + "\r\n" + named("b") + "\n" + pay + "\n"))
	f.Add([]byte(named("a") + "\n" + named("b") + "\n" + named("a") + "\n"))
	f.Add([]byte("\n \n" + pay + strings.Repeat(" ", 100) + "\n{"))
	text := bufio.NewReaderSize(nil, 64)
	limits := protocol.DefaultLimits()
	limits.BlockTransactions = 3
	f.Bound(1<<10, 1<<20) // every block has a buffer of its own
	f.Fuzz(func(t testing.TB, file []byte) {
		text.Reset(bytes.NewReader(file))
		r := &Reader{name: "x", lines: lines{r: text}, parser: lineReader{limits: limits}, blockSize: 2, last: map[tag]int{}}
		keys, line := map[string]bool{}, 0
		for {
			b, err := r.Next()
			if err != nil {
				checkEnd(t, r, err, line)
				return
			}
			if b.FirstLine <= line || b.LastLine < b.FirstLine || keys[b.Key] || len(b.Transactions) != len(b.IDs) {
				t.Fatalf("block %q of lines %d to %d, after line %d", b.Key, b.FirstLine, b.LastLine, line)
			}
			keys[b.Key], line = true, b.LastLine
			again, err := protocol.DecodeBody(b.Body, limits)
			if err != nil || !bytes.Equal(protocol.EncodeBody(b.Transactions), b.Body) || len(again) != len(b.Transactions) {
				t.Fatalf("block %q has a body of %d transactions instead of %d: %v", b.Key, len(again), len(b.Transactions), err)
			}
		}
	})
}

// checkEnd: the end of a file comes again, and a fault has a line that is not one of a
// block that was given.
func checkEnd(t testing.TB, r *Reader, err error, line int) {
	var fault *Error
	if err != io.EOF && (!errors.As(err, &fault) || fault.Line <= line) {
		t.Fatalf("after line %d: %v", line, err)
	}
	if _, again := r.Next(); again != err {
		t.Fatalf("after %v: %v", err, again)
	}
}
