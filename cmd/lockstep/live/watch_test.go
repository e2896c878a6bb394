package live

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// terminal takes what is drawn, and calls enough when it has seen a text.
type terminal struct {
	out    bytes.Buffer // not embedded: all has to go through Write
	text   string
	enough context.CancelFunc
	writes int
}

func (t *terminal) Write(p []byte) (int, error) {
	t.writes++
	if t.text != "" && strings.Contains(string(p), t.text) {
		t.enough()
	}
	return t.out.Write(p)
}

func small() (columns, rows int) { return 80, 24 }

func wantRestored(t *testing.T, out string) {
	t.Helper()
	if !strings.HasPrefix(out, enterScreen) || !strings.HasSuffix(out, leaveScreen) || strings.Count(out, leaveScreen) != 1 {
		t.Errorf("the terminal is left as %q", out)
	}
}

func TestWatchDrawsUntilItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	term := &terminal{text: "height 1,234,812", enough: cancel}
	err := Watch(ctx, Options{Look: func(context.Context) (report.Cluster, error) { return busy(), nil }, Terminal: term, Size: small})
	if err != nil {
		t.Error(err)
	}
	wantRestored(t, term.out.String())
}

// A look that takes for ever keeps nobody from seeing that it does.
func TestWatchDrawsWhileNobodyAnswers(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	term := &terminal{text: "No answer for", enough: cancel}
	err := Watch(ctx, Options{Terminal: term, Size: small, Look: func(ctx context.Context) (report.Cluster, error) {
		<-ctx.Done()
		return report.Cluster{}, ctx.Err()
	}})
	if err != nil {
		t.Error(err)
	}
	wantRestored(t, term.out.String())
}

func TestWatchRestoresTheTerminalOnPanic(t *testing.T) {
	term := &terminal{}
	defer func() {
		if value := recover(); value == nil || !strings.Contains(value.(string), "boom") {
			t.Errorf("panics with %v", value)
		}
		wantRestored(t, term.out.String())
	}()
	_ = Watch(t.Context(), Options{Look: func(context.Context) (report.Cluster, error) { panic("boom") }, Terminal: term, Size: small})
	t.Error("did not panic")
}

// closed is a terminal that is gone after the first write.
type closed struct{ writes int }

func (c *closed) Write(p []byte) (int, error) {
	if c.writes++; c.writes > 1 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

func TestWatchEndsWithItsTerminal(t *testing.T) {
	err := Watch(t.Context(), Options{Look: func(context.Context) (report.Cluster, error) { return busy(), nil }, Terminal: &closed{}, Size: small})
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("ends with %v", err)
	}
}

func TestScreenDrawsTheSameOnce(t *testing.T) {
	term := &terminal{}
	s, err := OpenScreen(term)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Draw([]string{"a", "b"}); err != nil {
			t.Fatal(err)
		}
	}
	if want := enterScreen + "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J"; term.out.String() != want || term.writes != 2 {
		t.Errorf("drew %q in %d writes", term.out.String(), term.writes)
	}
}
