package bundle

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// silent listens, and never says anything.
func silent(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// A daemon that hangs is waited for once, not once for each part.
func TestADaemonThatHangsIsWaitedForOnce(t *testing.T) {
	began := time.Now()
	m, err := Collect(t.Context(), io.Discard, Options{Targets: []Target{{Name: "shard-0", Address: silent(t)}, {Name: "shard-1", Address: ""}}, Patience: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 300*time.Millisecond*time.Duration(len(parts))/2 {
		t.Errorf("took %s", took)
	}
	for i, why := range []string{"does not answer in time", "nobody knows its address"} {
		if n := m.Nodes[i]; n.Have() != 0 || len(n.Parts) != len(parts) || n.Why() != why {
			t.Errorf("%+v, want %q", n, why)
		}
	}
}

func TestCollectIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Collect(ctx, io.Discard, Options{Targets: []Target{{Name: "shard-0", Address: silent(t)}}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ends with %v", err)
	}
}

// fullDisk takes so many bytes.
type fullDisk int

func (d *fullDisk) Write(p []byte) (int, error) {
	if *d -= fullDisk(len(p)); *d < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}

func TestADiskThatIsFullEndsIt(t *testing.T) {
	room := fullDisk(10)
	_, err := Collect(t.Context(), &room, Options{Extra: map[string]any{"a.json": 1}})
	if err == nil || !strings.Contains(err.Error(), "write the bundle: no space left on device") {
		t.Errorf("ends with %v", err)
	}
}

func TestTheArchiveIsBounded(t *testing.T) {
	var out bytes.Buffer
	a := newArchive(&out, time.Now())
	a.bytes = mostBytes - 10
	if err := a.addPart("one", make([]byte, 10)); err != nil {
		t.Errorf("what fits: %v", err)
	}
	if err := a.addPart("two", make([]byte, 1)); !errors.Is(err, errFull) {
		t.Errorf("what does not fit: %v", err)
	}
	if err := errors.Join(a.add("three", []byte("manifest")), a.close()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A name that somebody chose elsewhere leads to no other place.
func TestFolder(t *testing.T) {
	for name, want := range map[string]string{
		"coordinator-c1": "coordinator-c1", "../../etc/passwd": "______etc_passwd", "shard-127.0.0.1:1": "shard-127_0_0_1_1",
		"\x1b[2J\n": "__2J_", strings.Repeat("x", 100): strings.Repeat("x", 64),
	} {
		if got := folder(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

func TestWhy(t *testing.T) {
	n := Node{Parts: []Part{{Name: "log"}, {Name: "cpu", Error: "busy"}, {Name: "mutex", Error: "gone"}}}
	if why := n.Why(); why != "cpu, mutex: busy" || n.Have() != 1 {
		t.Errorf("%d parts, %q", n.Have(), why)
	}
	if why := (Node{Parts: n.Parts[:1]}).Why(); why != "" {
		t.Errorf("none missing: %q", why)
	}
}
