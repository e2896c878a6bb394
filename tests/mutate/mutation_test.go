package mutate

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mutation damages a copy of a node's directory, and says in words what it did;
// "" if there is nothing to damage in this way.
type mutation struct {
	name string
	do   func(m *mutator) string
	// unacknowledged: only bytes that were never acknowledged are concerned, so
	// that a start must bring everything back.
	unacknowledged bool
	// old: an old copy is put in place, which may be sound in itself.
	old bool
}

var mutations = []mutation{
	{name: "flip a bit", do: flip},
	{name: "flip some bits", do: flipMany},
	{name: "change a byte", do: change},
	{name: "zero a stretch", do: zero},
	{name: "zero a page", do: zeroPage},
	{name: "swap two stretches", do: swap},
	{name: "swap two pages", do: swapPages},
	{name: "cut a file", do: cut},
	{name: "empty a file", do: empty},
	{name: "lengthen a file", do: lengthen},
	{name: "delete a file", do: remove},
	{name: "rename a segment", do: rename},
	{name: "old file", do: oldFile, old: true},
	{name: "old log", do: oldLog, old: true},
	{name: "old directory", do: oldDirectory, old: true},
	{name: "torn end of the log", do: tear, unacknowledged: true},
	{name: "zeros behind the log", do: trailingZeros, unacknowledged: true},
	{name: "leftover of a creation", do: leftover, unacknowledged: true},
	{name: "mark is lost", do: loseMark, unacknowledged: true},
}

// mutator works on one copy.
type mutator struct {
	r        *rand.Rand
	node     string
	dir      string // the copy
	original *original
	t        testing.TB
}

// files lists the files of the copy that have content, without the reserve,
// which nobody reads.
func (m *mutator) files() (names []string) {
	err := filepath.WalkDir(m.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "RESERVE" {
			return err
		}
		if info, err := e.Info(); err != nil || info.Size() == 0 {
			return err
		}
		rel, err := filepath.Rel(m.dir, path)
		names = append(names, rel)
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return names
}

// pick chooses a file; every third time it is the database, where most of what
// is read late stands.
func (m *mutator) pick() string {
	all := m.files()
	if m.r.IntN(3) == 0 {
		for _, name := range all {
			if strings.HasSuffix(name, ".db") {
				return name
			}
		}
	}
	return m.choose(all)
}

func (m *mutator) choose(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[m.r.IntN(len(names))]
}

// edit changes the content of a file of the copy.
func (m *mutator) edit(name string, do func(content []byte) ([]byte, string)) string {
	path := filepath.Join(m.dir, name)
	content, err := os.ReadFile(path)
	if err != nil {
		m.t.Fatal(err)
	}
	after, what := do(bytes.Clone(content))
	if what == "" || bytes.Equal(content, after) {
		return ""
	}
	m.write(path, after)
	return name + ": " + what
}

// write replaces a file.
func (m *mutator) write(path string, content []byte) {
	err := os.Remove(path)
	if err == nil || os.IsNotExist(err) {
		err = writeSparse(path, content)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// place is somewhere in a file, nearly always where something was written.
func (m *mutator) place(b []byte) int {
	if n := used(b); n > 0 && m.r.IntN(20) > 0 {
		return m.r.IntN(n)
	}
	return m.r.IntN(len(b))
}

// page is a page of a file, likewise.
func (m *mutator) page(b []byte) int { return m.place(b[:len(b)/4096*4096]) / 4096 }

func flip(m *mutator) string {
	return m.edit(m.pick(), func(b []byte) ([]byte, string) {
		at, bit := m.place(b), m.r.IntN(8)
		b[at] ^= 1 << bit
		return b, fmt.Sprintf("bit %d of byte %d", bit, at)
	})
}

func flipMany(m *mutator) string {
	return m.edit(m.pick(), func(b []byte) ([]byte, string) {
		n := 2 + m.r.IntN(30)
		for range n {
			b[m.place(b)] ^= 1 << m.r.IntN(8)
		}
		return b, fmt.Sprintf("%d bits", n)
	})
}

// change aims at the heads of pages and files, where lengths and counts stand.
func change(m *mutator) string {
	return m.edit(m.pick(), func(b []byte) ([]byte, string) {
		at := m.r.IntN(min(len(b), 64))
		if pages := len(b) / 4096; pages > 0 && m.r.IntN(3) > 0 {
			at += m.page(b) * 4096
		}
		at = min(at, len(b)-1)
		b[at] = byte(m.r.Uint32())
		return b, fmt.Sprintf("byte %d becomes %d", at, b[at])
	})
}

func zero(m *mutator) string {
	return m.edit(m.pick(), func(b []byte) ([]byte, string) {
		from := m.place(b)
		n := min(1+m.r.IntN(8192), len(b)-from)
		clear(b[from : from+n])
		return b, fmt.Sprintf("%d bytes from %d", n, from)
	})
}

func zeroPage(m *mutator) string {
	return m.edit(m.pick(), func(b []byte) ([]byte, string) {
		if len(b) < 4096 {
			return b, ""
		}
		page := m.page(b)
		clear(b[page*4096 : (page+1)*4096])
		return b, fmt.Sprintf("page %d", page)
	})
}

func swap(m *mutator) string {
	return m.edit(m.pick(), func(b []byte) ([]byte, string) {
		n := 1 + m.r.IntN(min(512, max(len(b)/2, 1)))
		if len(b) < 2*n {
			return b, ""
		}
		one, two := min(m.place(b), len(b)-n), min(m.place(b), len(b)-n)
		exchange(b, one, two, n)
		return b, fmt.Sprintf("%d bytes at %d and %d", n, one, two)
	})
}

func swapPages(m *mutator) string {
	return m.edit(m.pick(), func(b []byte) ([]byte, string) {
		if len(b) < 2*4096 {
			return b, ""
		}
		one, two := m.page(b), m.page(b)
		exchange(b, one*4096, two*4096, 4096)
		return b, fmt.Sprintf("pages %d and %d", one, two)
	})
}

func exchange(b []byte, one, two, n int) {
	first := bytes.Clone(b[one : one+n])
	copy(b[one:], bytes.Clone(b[two:two+n]))
	copy(b[two:], first)
}

func cut(m *mutator) string {
	return m.edit(m.pick(), func(b []byte) ([]byte, string) {
		keep := m.place(b)
		if m.r.IntN(3) == 0 {
			keep = max(0, len(b)-1-m.r.IntN(64)) // just the end
		}
		return b[:keep], fmt.Sprintf("cut to %d of %d bytes", keep, len(b))
	})
}

func empty(m *mutator) string {
	return m.edit(m.pick(), func(b []byte) ([]byte, string) { return nil, "emptied" })
}

func lengthen(m *mutator) string {
	return m.edit(m.pick(), func(b []byte) ([]byte, string) {
		more := make([]byte, 1+m.r.IntN(8192))
		if m.r.IntN(2) == 0 {
			copy(more, b[m.r.IntN(len(b)):])
		}
		return append(b, more...), fmt.Sprintf("%d more bytes", len(more))
	})
}

func remove(m *mutator) string {
	name := m.pick()
	if err := os.Remove(filepath.Join(m.dir, name)); err != nil {
		m.t.Fatal(err)
	}
	return name
}

func rename(m *mutator) string {
	name := m.choose(m.segments())
	if name == "" {
		return ""
	}
	to := fmt.Sprintf("log/%020d", 1+m.r.IntN(200))
	if err := os.Rename(filepath.Join(m.dir, name), filepath.Join(m.dir, to)); err != nil {
		m.t.Fatal(err)
	}
	return name + " to " + to
}

// segments of the log, oldest first.
func (m *mutator) segments() (names []string) {
	entries, err := os.ReadDir(filepath.Join(m.dir, "log"))
	if err != nil {
		m.t.Fatal(err)
	}
	for _, e := range entries {
		if len(e.Name()) == 20 && strings.HasPrefix(e.Name(), "0") {
			names = append(names, filepath.Join("log", e.Name()))
		}
	}
	return names
}

func oldFile(m *mutator) string {
	name := m.pick()
	content, err := os.ReadFile(filepath.Join(m.original.old, m.node, name))
	if os.IsNotExist(err) {
		return ""
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.write(filepath.Join(m.dir, name), content)
	return name
}

func oldLog(m *mutator) string {
	log := filepath.Join(m.dir, "log")
	if err := os.RemoveAll(log); err != nil {
		m.t.Fatal(err)
	}
	copyTree(m.t, filepath.Join(m.original.old, m.node, "log"), log)
	return "the whole log"
}

func oldDirectory(m *mutator) string {
	if err := os.RemoveAll(m.dir); err != nil {
		m.t.Fatal(err)
	}
	copyTree(m.t, filepath.Join(m.original.old, m.node), m.dir)
	return "everything"
}

// tear adds the beginning of a record behind the log, as a crash in the middle
// of an append does.
func tear(m *mutator) string {
	all := m.segments()
	return m.edit(all[len(all)-1], func(b []byte) ([]byte, string) {
		torn := make([]byte, 1+m.r.IntN(2000))
		for i := range torn {
			torn[i] = byte(m.r.Uint32())
		}
		if m.r.IntN(2) == 0 && len(b) > 60 {
			torn = bytes.Clone(b[:1+m.r.IntN(50)])
		}
		return append(b, torn...), fmt.Sprintf("%d bytes", len(torn))
	})
}

func trailingZeros(m *mutator) string {
	all := m.segments()
	return m.edit(all[len(all)-1], func(b []byte) ([]byte, string) {
		n := 512 * (1 + m.r.IntN(16))
		return append(b, make([]byte, n)...), fmt.Sprintf("%d bytes", n)
	})
}

func leftover(m *mutator) string {
	names := []string{"state.db.new-1", "log/META.TEMP", "log/MARK.TEMP"}
	if m.node == coordinatorName {
		names[0] = "history.db.new-1"
	}
	name := m.choose(names)
	m.write(filepath.Join(m.dir, name), bytes.Repeat([]byte{1}, m.r.IntN(10000)))
	return name
}

func loseMark(m *mutator) string {
	if err := os.Remove(filepath.Join(m.dir, "log", "MARK")); err != nil {
		m.t.Fatal(err)
	}
	return "log/MARK"
}
