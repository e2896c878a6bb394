package submit

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor/ledger/txfile"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func done(height uint64, transactions int) Result {
	return Result{
		Block: txfile.Block{Key: "b", IDs: make([]string, transactions)},
		Answer: client.Answer{Decision: client.Committed, Block: &wirepb.Block{
			Height: height, OutcomeCounts: []*wirepb.OutcomeCount{{Name: "applied", Count: uint64(transactions)}},
		}},
	}
}

func TestProgressKeepsToOneLine(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out)
	p.Close()
	if out.Len() > 0 {
		t.Errorf("an empty line is cleared: %q", out.String())
	}
	p.Result(done(1, 1000))
	p.Result(done(2, 1000)) // at once: not drawn
	p.Retrying(errors.New("cannot reach the coordinator\n\x1b[2J"+strings.Repeat("x", 100)), time.Second)
	p.Result(done(3, 1000))
	p.Close()
	drawn := strings.Split(out.String(), eraseLine)
	if len(drawn) != 5 || !strings.HasPrefix(drawn[1], "height 1  1 block  1,000 transactions  ") ||
		!strings.HasPrefix(drawn[2], "trying again: cannot reach") || !strings.HasPrefix(drawn[3], "height 3  3 blocks  3,000 transactions  ") || drawn[4] != "" {
		t.Errorf("drew %q", drawn)
	}
	for _, line := range drawn {
		if len([]rune(line)) > lineColumns || strings.ContainsAny(line, "\n\x1b") {
			t.Errorf("drew %q", line)
		}
	}
}

func TestLogWatcherSaysAReasonOnce(t *testing.T) {
	var out bytes.Buffer
	l := NewLogWatcher(hclog.New(&hclog.LoggerOptions{Output: &out, Level: hclog.Info}))
	away, busy := errors.New("away"), errors.New("busy")
	for _, why := range []error{away, away, busy, busy, away} {
		l.Retrying(why, time.Second)
	}
	l.Result(done(1, 1))
	l.Retrying(away, time.Second)
	l.Close()
	if n := strings.Count(out.String(), "[WARN]"); n != 4 {
		t.Errorf("%d warnings, want 4:\n%s", n, out.String())
	}
}
