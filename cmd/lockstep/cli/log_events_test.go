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
const nasty = "b1\n[ERROR] lockstep: all is lost: height=1\r\x1b[2J\u2028\x9b2J\u009b\u202e\xff"

// quiet has nothing in it but a byte that is no UTF-8: CSI, to some terminals.
const quiet = "\x9b2J"

// shouting is a value that has a text of its own.
type shouting string

func (s shouting) String() string { return string(s) }

func TestAnEventHasOneLine(t *testing.T) {
	attempt := protocol.AttemptID{Height: 7, Epoch: 3, Attempt: 1}
	for _, asJSON := range []bool{false, true} {
		for _, bad := range []string{nasty, quiet} {
			var buf bytes.Buffer
			log := eventsTo(&buf, asJSON).Named("shard").With("name", bad)
			log.Warn("message "+bad, "block", bad, "error", fmt.Errorf("of %s: %w", bad, errors.ErrUnsupported), "list", []string{bad},
				"errors", []error{errors.New(bad)}, "text", shouting(bad), "as told", hclog.Fmt("%s", bad), "attempt", attempt, "panic", struct{ s string }{bad})
			wantLine(t, buf.String(), asJSON)
			if !strings.Contains(buf.String(), "7/3.1") {
				t.Errorf("the attempt is missing:\n%s", buf.String())
			}
		}
	}
}

// wantLine checks that all that was logged is one line that a terminal shows as it is.
func wantLine(t testing.TB, logged string, asJSON bool) {
	t.Helper()
	line, ok := strings.CutSuffix(logged, "\n")
	if !ok || !IsText(line) {
		t.Errorf("one line of text was wanted: %q", logged)
	}
	if asJSON && !json.Valid([]byte(line)) {
		t.Errorf("this is no JSON: %q", logged)
	}
}

// TestWhatTheStandardLoggerSaysIsAnEvent: that of a server tells of handshakes and
// requests in the words of others.
func TestWhatTheStandardLoggerSaysIsAnEvent(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		for _, bad := range []string{nasty, quiet} {
			var buf bytes.Buffer
			log := eventsTo(&buf, asJSON)
			log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Error}).Printf("handshake: %s", bad)
			wantLine(t, buf.String(), asJSON)
			if !strings.Contains(strings.ToLower(buf.String()), "error") {
				t.Errorf("got %s", buf.String())
			}
		}
	}
	var buf bytes.Buffer
	eventsTo(&buf, false).StandardLogger(nil).Print("as it is")
	if want := "[INFO]  as it is\n"; buf.String() != want {
		t.Errorf("got  %swant %s", buf.String(), want)
	}
}

func TestEventsAsText(t *testing.T) {
	var buf bytes.Buffer
	log := eventsTo(&buf, false)
	log.Info("it goes on", "block", "b\n1", "key", "two words", "said", "\x9b2J\u202e", "height", protocol.Height(7), "shard", 3, "for", 1500*time.Millisecond, "nothing", "")
	want := `[INFO]  it goes on: block="b\n1" key="two words" said="\x9b2J\u202e" height=7 shard=3 for=1.5s nothing=""` + "\n"
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
	for _, long := range []string{strings.Repeat("\xbf", 2*mostValueBytes), strings.Repeat("é", mostValueBytes), "x" + strings.Repeat("é", mostValueBytes)} {
		if s := cut(long); len(s) > mostValueBytes+len("…") || len(s) < mostValueBytes-4 || strings.HasSuffix(s, "\xc3…") {
			t.Errorf("cut to %d bytes, the last are %q", len(s), s[len(s)-6:])
		}
	}
}

func TestWhatIsNotLoggedCostsNothing(t *testing.T) {
	log := eventsTo(&bytes.Buffer{}, false)
	pairs := []any{"height", 7}
	if n := testing.AllocsPerRun(100, func() { log.Debug("noted", pairs...) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
