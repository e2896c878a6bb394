package main

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/clustertest"
)

// On a terminal a watch is drawn in place, to its size, and leaves nothing behind.
func TestStatusWatchOnATerminal(t *testing.T) {
	s := clustertest.Start(t)
	busy(s)
	user, terminal, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	defer user.Close()
	if err := pty.Setsize(terminal, &pty.Winsize{Cols: 60, Rows: 12}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := root()
	r.SetOut(terminal)
	code := make(chan int, 1)
	go func() {
		code <- cli.Run(ctx, r, []string{"status", "--watch", "--coordinator", s.Address})
		terminal.Close()
	}()
	out := untilShown(user, "height 1,234,812", cancel)
	if got := <-code; got != cli.ExitDone {
		t.Errorf("exit code %d", got)
	}
	if !strings.HasPrefix(out, "\x1b[?1049h") || !strings.HasSuffix(out, "\x1b[?1049l") || !strings.Contains(out, "make the window taller") {
		t.Errorf("the terminal got %q", out)
	}
}

// untilShown reads a terminal to its end, and calls enough when it has shown text.
func untilShown(user io.Reader, text string, enough func()) string {
	var out strings.Builder
	piece := make([]byte, 4096)
	for {
		n, err := user.Read(piece)
		out.Write(piece[:n])
		if strings.Contains(out.String(), text) {
			enough()
		}
		if err != nil { // of a terminal that nobody has open any more
			return out.String()
		}
	}
}
