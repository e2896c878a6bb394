package process

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a script of the shell.
func start(t *testing.T, script string, lost func(error)) *Process {
	t.Helper()
	s := NewStarter()
	p, err := s.Start(Spec{
		Name: "the script", Executable: "/bin/sh", Args: []string{"-c", script},
		Log: filepath.Join(t.TempDir(), "log"), Lost: lost,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		s.Close()
	})
	return p
}

func TestListening(t *testing.T) {
	p := start(t, "printf 'hello\nlisten'; echo 'ing 127.0.0.1:1 http 127.0.0.1:2'; exec sleep 60", nil)
	api, http, err := p.Listening(t.Context())
	if err != nil || api != "127.0.0.1:1" || http != "127.0.0.1:2" {
		t.Fatalf("%q, %q, %v", api, http, err)
	}
	if !p.Alive() {
		t.Error("it runs, and is not alive")
	}
	p.Kill()
	if p.Alive() {
		t.Error("it was killed, and is alive")
	}
}

func TestStop(t *testing.T) {
	p := start(t, "trap 'exit 0' TERM; echo listening 127.0.0.1:1; while :; do sleep 0.01; done", nil)
	if _, _, err := p.Listening(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Stop(10 * time.Second); err != nil {
		t.Error(err)
	}
}

func TestStopTooLate(t *testing.T) {
	p := start(t, "trap '' TERM; echo listening 127.0.0.1:1; while :; do sleep 0.01; done", nil)
	if _, _, err := p.Listening(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Stop(20 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "within 20ms") {
		t.Errorf("error %v", err)
	}
}

func TestLost(t *testing.T) {
	told := make(chan error, 1)
	p := start(t, "echo some reason >&2; exit 3", func(err error) { told <- err })
	if err := <-told; !strings.Contains(err.Error(), "the script ended by itself (exit status 3); its last words: some reason") {
		t.Errorf("told %v", err)
	}
	if _, _, err := p.Listening(t.Context()); err == nil {
		t.Error("it listens")
	}
	if tail := p.Tail(); len(tail) != 1 || tail[0] != "some reason" {
		t.Errorf("tail %q", tail)
	}
}
