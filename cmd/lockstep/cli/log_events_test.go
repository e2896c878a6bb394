package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol"
)

func eventsTo(buf *bytes.Buffer, json bool) hclog.Logger {
	var output io.Writer = buf
	if json {
		output = jsonOutput{buf}
	}
	return events{text: !json, Logger: hclog.New(&hclog.LoggerOptions{Output: output, JSONFormat: json, DisableTime: true})}
}

// nasty would be an event of its own, or clear the screen, if it came through.
const nasty = "b1\n[ERROR] lockstep: all is lost: height=1\r\x1b[2J\u2028"

func TestAnEventHasOneLine(t *testing.T) {
	attempt := protocol.AttemptID{Height: 7, Epoch: 3, Attempt: 1}
	for _, asJSON := range []bool{false, true} {
		var buf bytes.Buffer
		log := eventsTo(&buf, asJSON).Named("shard").With("name", nasty)
		log.Warn("message "+nasty, "block", nasty, "error", fmt.Errorf("of %s: %w", nasty, errors.ErrUnsupported),
			"list", []string{nasty}, "attempt", attempt, "panic", struct{ s string }{nasty})
		line := buf.String()
		if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || strings.ContainsAny(line, "\r\x1b\u2028") {
			t.Errorf("one line was wanted:\n%s", line)
		}
		if !strings.Contains(line, "7/3.1") {
			t.Errorf("the attempt is missing:\n%s", line)
		}
	}
}

func TestEventsAsText(t *testing.T) {
	var buf bytes.Buffer
	log := eventsTo(&buf, false)
	log.Info("it goes on", "block", "b\n1", "key", "two words", "height", protocol.Height(7), "shard", 3, "for", 1500*time.Millisecond, "nothing", "")
	want := `[INFO]  it goes on: block="b\n1" key="two words" height=7 shard=3 for=1.5s nothing=""` + "\n"
	if buf.String() != want {
		t.Errorf("got  %swant %s", buf.String(), want)
	}
}

// A program that reads the log finds text where there is text, and no numbers of
// nanoseconds or lists of bytes.
func TestEventsAsJSON(t *testing.T) {
	var buf bytes.Buffer
	eventsTo(&buf, true).Info("it goes on", "block", "b\n1", "attempt", protocol.AttemptID{Height: 7, Epoch: 3, Attempt: 1},
		"height", protocol.Height(7), "for", 1500*time.Millisecond, "cluster", protocol.ClusterID{1}, "error", errors.New("no"), "done", true)
	var got map[string]any
	if err := json.Unmarshal(buf.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"@level": "info", "@message": "it goes on", "block": "b\n1", "attempt": "7/3.1", "height": float64(7), "for": "1.5s",
		"cluster": "01000000000000000000000000000000", "error": "no", "done": true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestValuesAreBounded(t *testing.T) {
	var buf bytes.Buffer
	eventsTo(&buf, false).Info("long", "reason", strings.Repeat("é", mostValueBytes))
	if n := buf.Len(); n > mostValueBytes+100 {
		t.Errorf("a line of %d bytes", n)
	}
}

func TestWhatIsNotLoggedCostsNothing(t *testing.T) {
	log := eventsTo(&bytes.Buffer{}, false)
	pairs := []any{"height", 7}
	if n := testing.AllocsPerRun(100, func() { log.Debug("noted", pairs...) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
