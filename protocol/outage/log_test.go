package outage_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol/outage"
)

// stage is a log on a clock that stands still unless it is told to go on.
type stage struct {
	buf bytes.Buffer
	at  time.Time
}

func newStage() *stage { return &stage{at: time.Unix(1e9, 0)} }

func (s *stage) now() time.Time { return s.at }

func (s *stage) logger(level hclog.Level) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: &s.buf, Level: level, DisableTime: true})
}

// take gives the lines since the last time.
func (s *stage) take() []string {
	defer s.buf.Reset()
	return strings.FieldsFunc(s.buf.String(), func(r rune) bool { return r == '\n' })
}

// fails has a failure every step for so long.
func (s *stage) fails(l *outage.Log, step, long time.Duration) {
	for until := s.at.Add(long); s.at.Before(until); s.at = s.at.Add(step) {
		l.Warn("no answer", "peer", 1)
	}
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOutage(t *testing.T) {
	s := newStage()
	l := outage.New(s.logger(hclog.Info), s.now)
	l.Over("all is well", "peer", 1)
	s.fails(l, 100*time.Millisecond, 10*time.Second)
	l.Over("peer reached", "peer", 1)
	l.Over("peer reached", "peer", 1)
	equal(t, s.take(),
		"[WARN]  no answer: peer=1 for=0s failures=1",
		"[WARN]  no answer: peer=1 for=1s failures=11",
		"[WARN]  no answer: peer=1 for=3s failures=31",
		"[WARN]  no answer: peer=1 for=7s failures=71",
		"[INFO]  peer reached: peer=1 lasted=10s failures=100 left_out=96")
}

func TestLinesGrowWithTheLogarithm(t *testing.T) {
	for _, test := range []struct {
		lasts time.Duration
		lines int
	}{
		{time.Millisecond, 1}, {time.Minute, 6}, {5 * time.Minute, 9}, {time.Hour, 20},
	} {
		s := newStage()
		l := outage.New(s.logger(hclog.Info), s.now)
		s.fails(l, 50*time.Millisecond, test.lasts)
		if got := len(s.take()); got != test.lines {
			t.Errorf("an outage of %s has %d lines, want %d", test.lasts, got, test.lines)
		}
	}
}

func TestWhatIsLeftOutIsInTheDebugLog(t *testing.T) {
	s := newStage()
	l := outage.New(s.logger(hclog.Debug), s.now)
	s.fails(l, 100*time.Millisecond, time.Second)
	lines := s.take()
	if len(lines) != 10 || !strings.HasPrefix(lines[0], "[WARN]") || !strings.HasPrefix(lines[9], "[DEBUG]") {
		t.Errorf("got\n%s", strings.Join(lines, "\n"))
	}
}

// Trouble that comes and goes ten times a second for an hour is one trouble, and the
// log never ends on a word that is wrong for long.
func TestTroubleThatComesAndGoes(t *testing.T) {
	s := newStage()
	l := outage.New(s.logger(hclog.Info), s.now)
	for range 36000 {
		l.Warn("no answer")
		s.at = s.at.Add(50 * time.Millisecond)
		l.Over("reached")
		s.at = s.at.Add(50 * time.Millisecond)
	}
	lines := s.take()
	if len(lines) < 20 || len(lines) > 40 {
		t.Errorf("%d lines", len(lines))
	}
	for i, line := range lines {
		if begins := strings.Contains(line, "no answer"); begins != (i%2 == 0) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
	s.at = s.at.Add(2 * time.Minute)
	l.Warn("no answer")
	equal(t, s.take(), "[WARN]  no answer: for=0s failures=1")
}

// Nobody says of some troubles when they are over.
func TestTroubleThatJustStops(t *testing.T) {
	s := newStage()
	l := outage.New(s.logger(hclog.Info), s.now)
	s.fails(l, time.Second, time.Minute)
	s.take()
	s.at = s.at.Add(7 * time.Minute)
	l.Error("no answer")
	equal(t, s.take(), "[ERROR] no answer: for=0s failures=1")
}

func TestPairsAreNotChanged(t *testing.T) {
	s := newStage()
	l := outage.New(s.logger(hclog.Info), s.now)
	pairs := append(make([]any, 0, 8), "peer", 1)
	l.Warn("no answer", pairs...)
	l.Over("reached", pairs...)
	if rest := pairs[2:cap(pairs)]; rest[0] != nil {
		t.Errorf("written behind the arguments: %v", rest)
	}
}
