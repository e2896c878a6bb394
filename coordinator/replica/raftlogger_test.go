package replica

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

func raftLines(level hclog.Level, say func(hclog.Logger, func(time.Duration))) []string {
	var buf bytes.Buffer
	now := time.Unix(1e9, 0)
	log := newRaftLogger(hclog.New(&hclog.LoggerOptions{Output: &buf, Level: level, DisableTime: true}), func() time.Time { return now })
	say(log, func(d time.Duration) { now = now.Add(d) })
	return strings.FieldsFunc(buf.String(), func(r rune) bool { return r == '\n' })
}

// What raft says in two minutes without a majority, several times a second.
func TestRaftSaysLittleInAnOutage(t *testing.T) {
	lines := raftLines(hclog.Info, func(log hclog.Logger, wait func(time.Duration)) {
		for range 240 {
			log.Warn("Election timeout reached, restarting election")
			log.Info("entering candidate state", "term", 7)
			log.Error("failed to make requestVote RPC", "target", "c2", "error", errors.New("refused"))
			log.Error("failed to commit logs", "error", errors.New("no majority"))
			wait(500 * time.Millisecond)
		}
	})
	if len(lines) != 14 { // 7 of each of two
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "[INFO]  Election") && !strings.HasPrefix(line, "[WARN]  failed to commit") {
			t.Errorf("a line too many: %s", line)
		}
	}
}

func TestRaftTellsAllWhenItIsAskedTo(t *testing.T) {
	lines := raftLines(hclog.Trace, func(log hclog.Logger, _ func(time.Duration)) {
		log = log.Named("raft").With("member", "c1")
		for range 3 {
			log.Error("failed to heartbeat to", "peer", "c2")
			log.Debug("vote granted")
		}
	})
	if len(lines) != 6 || !strings.Contains(lines[5], "[TRACE] raft: vote granted: member=c1") {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}
