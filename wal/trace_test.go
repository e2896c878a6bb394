package wal

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ledger follows the system calls of a process and knows what a power failure
// could undo: it finds syncs that are missing where no test can pull the plug.
type ledger struct {
	t     *testing.T
	dir   string
	dirty map[string]bool // files with content that is not forced
	names bool            // the directory is not forced
	fresh map[string]bool // segments whose name is not forced
	acks  int
	calls int
}

var (
	callLine = regexp.MustCompile(`^\d+ +(\w+)\((.*)\) += (\S+)`)
	fdPath   = regexp.MustCompile(`^\d+<([^>]*)>`)
	quoted   = regexp.MustCompile(`"([^"]*)"`)
)

func (g *ledger) line(line string) {
	m := callLine.FindStringSubmatch(line)
	if m == nil || strings.HasPrefix(m[3], "-") || strings.HasSuffix(m[1], "write") && m[3] == "0" {
		return // it did nothing
	}
	call, args := m[1], m[2]
	if call == "sendmsg" {
		g.ack(line)
		return
	}
	path := ""
	if p := fdPath.FindStringSubmatch(args); p != nil {
		path = p[1]
	} else if q := quoted.FindAllStringSubmatch(args, -1); q != nil {
		path = q[len(q)-1][1] // of a rename, the new name
	}
	if path == g.dir || filepath.Dir(path) == g.dir {
		g.calls++
		g.file(call, args, path)
	}
}

func (g *ledger) file(call, args, path string) {
	name := filepath.Base(path)
	_, suffix, isSegment := parseSegmentName(name)
	isSegment = isSegment && suffix == ""
	switch {
	case call == "openat" && strings.Contains(args, "O_CREAT") && name != lockName:
		g.names = true
		if isSegment {
			g.fresh[path] = true
		}
	case call == "renameat":
		g.names = true
		from := quoted.FindStringSubmatch(args)[1]
		if g.dirty[from] {
			g.t.Errorf("%s gets its name before it is forced", name)
		}
		if name == metaName && len(g.fresh) > 0 {
			g.t.Error("META appears before the name of the first segment is forced")
		}
	case call == "unlinkat":
		g.names = true
		if isSegment && g.dirty[filepath.Join(g.dir, metaName)] {
			g.t.Errorf("%s is removed before the floor is forced", name)
		}
		delete(g.dirty, path)
	case call == "write" || call == "pwrite64":
		if name == markName {
			g.mark()
		}
		if g.fresh[path] {
			g.t.Errorf("%s is written to before its name is forced", name)
		}
		g.dirty[path] = true
	case call == "fsync" && path == g.dir:
		g.names = false
		clear(g.fresh)
	case call == "fsync":
		delete(g.dirty, path)
	}
}

// mark checks that the mark says nothing before it is true.
func (g *ledger) mark() {
	for path := range g.dirty {
		if _, _, isSegment := parseSegmentName(filepath.Base(path)); isSegment {
			g.t.Errorf("the mark is written before %s is forced", filepath.Base(path))
		}
	}
	if len(g.fresh) > 0 {
		g.t.Error("the mark is written before the name of a segment is forced")
	}
}

// ack checks that what is acknowledged could not be undone.
func (g *ledger) ack(line string) {
	if !strings.Contains(line, `iov_base="s`) && !strings.Contains(line, `iov_base="o`) {
		return
	}
	g.acks++
	for path := range g.dirty {
		if name := filepath.Base(path); name != markName {
			g.t.Errorf("%s is not forced at an acknowledgement", name)
		}
	}
	if g.names {
		g.t.Error("the directory is not forced at an acknowledgement")
	}
}

// newLedger knows of a directory that it has not watched that nothing in it
// needs to be on the disk.
func newLedger(t *testing.T, dir string) *ledger {
	t.Helper()
	g := &ledger{t: t, dir: dir, dirty: map[string]bool{}, names: true, fresh: map[string]bool{}}
	if _, err := os.Stat(dir); err == nil {
		g.dirty[filepath.Join(dir, metaName)] = true
		for _, s := range segmentsOf(t, dir) {
			g.dirty[filepath.Join(dir, s.name)] = true
		}
	}
	return g
}

// TestSyncsBeforeAcknowledgements follows a full job call by call, then one
// that opens what it left, and one that has to mend, and to begin a segment
// because its segments are smaller.
func TestSyncsBeforeAcknowledgements(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	newInjector(t, dir) // skips where strace does not work
	for run, tc := range []struct {
		prepare func()
		segment int
	}{
		{func() {}, 900},
		{func() {}, 900},
		{func() { spoilEnd(t, dir) }, 100},
	} {
		tc.prepare()
		g := newLedger(t, dir)
		j := fullJob(dir, uint32(run))
		j.segment, j.reserve = tc.segment, 0
		trace := filepath.Join(t.TempDir(), "trace")
		r := j.start(t, "strace", "-f", "-qq", "-y", "-s", "16", "-o", trace,
			"-e", "trace=openat,write,pwrite64,fsync,renameat,unlinkat,sendmsg").wait(t)
		if r.state.ExitCode() != exitDone {
			t.Fatalf("%v %s", r.state, r.stderr)
		}
		text, err := os.ReadFile(trace)
		must(t, err)
		for line := range strings.Lines(string(text)) {
			g.line(line)
		}
		if g.acks != 13 || g.calls < 100 {
			t.Errorf("saw %d acknowledgements and %d calls", g.acks, g.calls)
		}
		t.Logf("%d calls, %d acknowledgements", g.calls, g.acks)
	}
}

// spoilEnd leaves a log with a torn end and the remains of a trim.
func spoilEnd(t *testing.T, dir string) {
	t.Helper()
	l := mustOpen(t, dir, Options{})
	s := take(t, dir)
	files := segmentsOf(t, dir)
	must(t, l.Close())
	tail := files[len(files)-1].name
	s[tail] = append(s[tail], "torn"...)
	s[files[0].name+startSuffix] = []byte("remains")
	s.restore(t, dir)
}
