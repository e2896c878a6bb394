package fuzz

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// driveOf gives a drive of target over a corpus of one text.
func driveOf(t *testing.T, target any, b *bound) *drive {
	t.Helper()
	corpus := []input{inputOf([]any{[]byte("lockstep")})}
	return &drive{target: runnerOf(target), bound: b, mutator: newMutator(1, corpus), probe: &probe{TB: t}, in: make(input, 1)}
}

// fails drives until a failure comes, and gives the smallest input and its message.
func fails(t *testing.T, d *drive) (small []byte, message string) {
	t.Helper()
	for range 10_000 {
		if d.batch() {
			target := d.target
			if d.bound != nil {
				target = d.bound.around(target)
			}
			in, message := shrink(d.current(), target, t)
			return in[0].bytes, message
		}
	}
	t.Fatal("nothing was found")
	return nil, ""
}

// TestFindsPlantedBugs: panics, failures and large allocations are found, whatever the
// target does to its input, and the inputs are as small as can be.
func TestFindsPlantedBugs(t *testing.T) {
	var sink []byte
	for name, test := range map[string]struct {
		target  func(testing.TB, []byte)
		bound   *bound
		message string
		small   int
	}{
		"panic":             {target: func(_ testing.TB, b []byte) { _ = b[9] }, message: "index out of range", small: 0},
		"failure":           {target: func(t testing.TB, b []byte) { failIf(t, len(b) > 9) }, message: "planted", small: 10},
		"goes on":           {target: func(t testing.TB, b []byte) { errorIf(t, len(b) > 9) }, message: "planted", small: 10},
		"changes its input": {target: func(t testing.TB, b []byte) { found := bytes.IndexByte(b, 0xff) >= 0; clear(b); failIf(t, found) }, message: "planted", small: 1},
		"allocates": {
			target: func(_ testing.TB, b []byte) {
				if len(b) > 9 {
					sink = make([]byte, 1<<20)
				}
			},
			bound: &bound{64, 1 << 17}, message: "bytes were allocated for an input of", small: 10,
		},
	} {
		t.Run(name, func(t *testing.T) {
			small, message := fails(t, driveOf(t, test.target, test.bound))
			if len(small) != test.small || !strings.Contains(message, test.message) {
				t.Errorf("%q of %d bytes: %s", small, len(small), message)
			}
		})
	}
	_ = sink
}

func failIf(t testing.TB, found bool) {
	if found {
		t.Fatal("planted")
	}
}

func errorIf(t testing.TB, found bool) {
	if found {
		t.Errorf("planted")
	}
}

// TestCurrentIsWhatRan: the input that failed can be made once more.
func TestCurrentIsWhatRan(t *testing.T) {
	var ran []byte
	d := driveOf(t, func(_ testing.TB, b []byte) { ran = append(ran[:0], b...) }, nil)
	for range 100 {
		d.batch()
		if again := d.current()[0].bytes; !bytes.Equal(again, ran) {
			t.Fatalf("ran %q, got %q", ran, again)
		}
	}
}

// TestMutatorReaches: from one seed come inputs that are shorter, longer, and have a
// length in front that fits; none is longer than it may be.
func TestMutatorReaches(t *testing.T) {
	m := newMutator(1, []input{inputOf([]any{[]byte("\x00\x00\x00\x09lockstep"), uint16(3), false})})
	in := make(input, 3)
	var shorter, longer, fits, number, flag bool
	for range 100_000 {
		m.next(in)
		b := in[0].bytes
		if len(b) > m.most {
			t.Fatalf("%d bytes", len(b))
		}
		shorter, longer = shorter || len(b) == 0, longer || len(b) > 100
		fits = fits || len(b) == 12 && bytes.HasPrefix(b, []byte{0, 0, 0, 8})
		number, flag = number || in[1].bits&0xffff == 0xffff, flag || in[2].bits&1 == 1
	}
	if !shorter || !longer || !fits || !number || !flag {
		t.Error(shorter, longer, fits, number, flag)
	}
}

// TestCorpusFiles: what is kept is read again, and is what go test would read: the
// input of a target of every kind of argument.
func TestCorpusFiles(t *testing.T) {
	args := []any{[]byte("a\x00\xff\"\n"), "b\xff\n", true, uint8('x'), int(-7), uint64(1 << 63), float64(1.5)}
	in := inputOf(args)
	var like []reflect.Type
	for _, arg := range args {
		like = append(like, reflect.TypeOf(arg))
	}
	dir := t.TempDir()
	if _, err := in.keep(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "other"), []byte(corpusHeader+"\nstring(\"of another form\")\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := load(dir, like)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d inputs, %v", len(list), err)
	}
	for i, arg := range args {
		if got := list[0][i].reflect().Interface(); !reflect.DeepEqual(got, arg) {
			t.Errorf("%#v became %#v", arg, got)
		}
	}
}

// FuzzItself: a target runs by go test with the arguments that it was given.
func FuzzItself(ff *testing.F) {
	f := New(ff)
	f.Bound(1<<8, 1<<18)
	f.Add([]byte("seven"), uint16(7), true)
	f.Fuzz(func(t testing.TB, b []byte, n uint16, set bool) {
		again, ok := parse(inputOf([]any{b, n, set}).file(), []reflect.Type{reflect.TypeFor[[]byte](), reflect.TypeFor[uint16](), reflect.TypeFor[bool]()})
		if !ok || !bytes.Equal(again[0].bytes, b) || again[1].bits != uint64(n) || (again[2].bits == 1) != set {
			t.Fatalf("%q, %d, %v came back as %v", b, n, set, again)
		}
	})
}
