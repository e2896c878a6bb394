package diagnose

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestRingKeepsTheLastLines(t *testing.T) {
	var r Ring
	for i := range 3*ringLines + 7 {
		fmt.Fprintf(&r, "line %d\n", i)
	}
	lines := strings.Split(strings.TrimSuffix(string(r.Bytes()), "\n"), "\n")
	if len(lines) != ringLines || lines[0] != fmt.Sprintf("line %d", 2*ringLines+7) || lines[ringLines-1] != fmt.Sprintf("line %d", 3*ringLines+6) {
		t.Errorf("%d lines, from %s to %s", len(lines), lines[0], lines[len(lines)-1])
	}
	if len(r.lines) > 2*ringLines+1 {
		t.Errorf("%d lines are held", len(r.lines))
	}
}

func TestRingIsBoundedInBytes(t *testing.T) {
	var r Ring
	long := bytes.Repeat([]byte("x"), 3*ringLineBytes)
	for range 1000 {
		if n, err := r.Write(long); n != len(long) || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	kept := r.Bytes()
	if len(kept) > ringBytes || len(kept) < ringBytes-2*ringLineBytes || !bytes.HasSuffix(kept, []byte(cutMark)) {
		t.Errorf("%d bytes, which end with %q", len(kept), kept[len(kept)-20:])
	}
}

func TestRingIsForMany(t *testing.T) {
	var r Ring
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1000 {
				fmt.Fprintln(&r, "line")
				if b := r.Bytes(); len(b)%5 != 0 {
					t.Errorf("%d bytes of lines of 5", len(b))
					return
				}
			}
		})
	}
	group.Wait()
}
