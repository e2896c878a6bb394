package state

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// TestMain turns the test binary into a child process when a test asks for one.
func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		os.Exit(runChild(role, os.Getenv(childDirectory)))
	}
	os.Exit(m.Run())
}

var background = context.Background()

// tb is what testing.T and rapid.T have in common.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}

func must(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

func attempt(h protocol.Height) protocol.AttemptID {
	return protocol.AttemptID{Height: h, Epoch: 1, Attempt: 1}
}

func committed(h protocol.Height) protocol.Committed {
	return protocol.Committed{Attempt: attempt(h)}
}

func put(key, value string) protocol.WriteOp {
	return protocol.WriteOp{Key: []byte(key), Value: []byte(value)}
}

func del(key string) protocol.WriteOp { return protocol.WriteOp{Key: []byte(key), Delete: true} }

// pairs is a state in the plainest form.
type pairs map[string]string

func (p pairs) apply(writes []protocol.WriteOp) {
	for _, w := range writes {
		if w.Delete {
			delete(p, string(w.Key))
		} else {
			p[string(w.Key)] = string(w.Value)
		}
	}
}

func (p pairs) digest() protocol.Digest {
	var sum protocol.Sum
	for k, v := range p {
		sum = sum.Add(protocol.PairSum([]byte(k), []byte(v)))
	}
	return sum.Digest()
}

func (p pairs) String() string {
	var lines []string
	for k, v := range p {
		lines = append(lines, fmt.Sprintf("%s=%s", k, v))
	}
	slices.Sort(lines)
	return strings.Join(lines, " ")
}

// makeStore makes and opens a database in a directory of the test.
func makeStore(t *testing.T, opts Options) (*Store, string) {
	t.Helper()
	dir := t.TempDir()
	must(t, Create(dir, Checkpoint{}, opts))
	return openStore(t, dir, opts), dir
}

func openStore(t *testing.T, dir string, opts Options) *Store {
	t.Helper()
	s, err := Open(dir, opts)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// advance stages and commits the next height.
func advance(t tb, s *Store, writes ...protocol.WriteOp) {
	t.Helper()
	h := s.CommittedHeight() + 1
	must(t, s.Stage(h, writes))
	must(t, s.Commit(committed(h)))
}

func flushTo(t tb, s *Store, h protocol.Height) {
	t.Helper()
	must(t, s.Flush(background, h, LogPosition{}, protocol.Config{}, 1))
}

// wantGet reads a key as "value", or "-" if it is absent.
func wantGet(t tb, v *View, key, want string) {
	t.Helper()
	value, ok, err := v.Get([]byte(key))
	must(t, err)
	got := string(value)
	if !ok {
		got = "-"
	}
	if got != want {
		t.Fatalf("as of height %d: %s is %q, want %q", v.AsOf(), key, got, want)
	}
}

func scanAll(t tb, s *Store) (pairs, protocol.Committed) {
	t.Helper()
	got := pairs{}
	last := ""
	at, err := s.Scan(func(key, value []byte) error {
		if len(got) > 0 && string(key) <= last {
			return fmt.Errorf("key %q after %q", key, last)
		}
		last = string(key)
		got[last] = string(value)
		return nil
	})
	must(t, err)
	return got, at
}

// verified scans the database of a closed store and fails on any finding.
func verified(t tb, dir string) *Report {
	t.Helper()
	report, err := ScanDatabase(dir, nil)
	must(t, err)
	must(t, report.Err())
	return report
}
