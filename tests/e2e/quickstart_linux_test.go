package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// upstream is where the page says that the sources are.
const upstream = "https://github.com/lockstep-exec/lockstep"

// What the page promises, and how long one of its commands may take: the first build
// is the longest.
const (
	quickstartTakes = 5 * time.Minute
	commandTakes    = 4 * time.Minute
	answerTakes     = time.Minute
)

// TestQuickstart does what docs/quickstart.md says, letter by letter, from a fresh clone
// of the newest commit on. The ports are those of the page, in a network of its own.
func TestQuickstart(t *testing.T) {
	heavy(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "quickstart.md"))
	if err != nil {
		t.Fatal(err)
	}
	steps := stepsOf(string(page))
	if len(steps) < 15 {
		t.Fatalf("the page has only %d steps", len(steps))
	}
	sh := newReader(t, root)
	began := time.Now()
	for _, s := range steps {
		sh.take(s)
	}
	if took := time.Since(began); took > quickstartTakes {
		t.Errorf("it took %s", took)
	} else {
		t.Logf("%d steps in %s", len(steps), took.Round(100*time.Millisecond))
	}
	if left, err := os.ReadDir(sh.temporary); err != nil || len(left) > 0 {
		t.Errorf("it left %v behind, %v", left, err)
	}
}

// reader is somebody who follows a page at a shell.
type reader struct {
	t         *testing.T
	temporary string // where mktemp makes things
	output    string // file with what the last command has printed
	commands  io.Writer
	done      chan string // exit codes
}

// newReader sits down at bash, in an empty folder and a network without anybody else.
// Where that is not to be had, the test is left out.
func newReader(t *testing.T, root string) *reader {
	t.Helper()
	for _, tool := range []string{"bash", "ip", "git", "make"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs ", tool)
		}
	}
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("needs a clone, to clone it")
	}
	dir := t.TempDir()
	r := &reader{t: t, temporary: filepath.Join(dir, "tmp"), output: filepath.Join(dir, "output"), done: make(chan string)}
	work, config := filepath.Join(dir, "work"), filepath.Join(dir, "gitconfig")
	for _, folder := range []string{r.temporary, work} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	mirror := fmt.Sprintf("[url \"file://%s\"]\n\tinsteadOf = %s\n[safe]\n\tdirectory = *\n", root, upstream)
	if err := os.WriteFile(config, []byte(mirror), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash")
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "TMPDIR="+r.temporary, "GIT_CONFIG_GLOBAL="+config, "GIT_TERMINAL_PROMPT=0", "GOPROXY=off")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	r.sit(cmd)
	return r
}

func (r *reader) sit(cmd *exec.Cmd) {
	r.t.Helper()
	commands, err := cmd.StdinPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	done, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	r.commands = commands
	if err := cmd.Start(); err != nil {
		r.t.Skipf("no network of its own: %v", err)
	}
	go func() {
		defer close(r.done)
		for lines := bufio.NewScanner(done); lines.Scan(); {
			r.done <- lines.Text()
		}
	}()
	r.t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whatever the page has left
		for range r.done {
		}
		cmd.Wait()
	})
	if output, code := r.run("ip link set lo up\n"); code != "0" {
		r.t.Skipf("no network of its own: %s", output)
	}
}

// run gives one command, and waits for its end.
func (r *reader) run(command string) (output, code string) {
	r.t.Helper()
	fmt.Fprintf(r.commands, "{ %s} > %q 2>&1\necho $?\n", command, r.output)
	select {
	case code = <-r.done:
	case <-time.After(commandTakes):
		r.t.Fatalf("%s: no end after %s", command, commandTakes)
	}
	raw, err := os.ReadFile(r.output)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(raw), code
}

// take does one step and checks what comes of it.
func (r *reader) take(s step) {
	r.t.Helper()
	if s.url != "" {
		r.open(s.url)
		return
	}
	if !s.isQuestion() {
		output, code := r.run(s.command)
		if code != "0" || s.output != "" && !s.shows(output) {
			r.t.Fatalf("$ %sexit code %s, and\n%s\nthe page shows\n%s", s.command, code, output, s.output)
		}
		return
	}
	cluster.Await(r.t, "$ "+s.command, answerTakes, func() string {
		if output, _ := r.run(s.command); !s.shows(output) {
			return fmt.Sprintf("it shows\n%s\nthe page has\n%s", s.shape(output), s.shape(s.output))
		}
		return ""
	})
}

// open looks whether a page can be opened.
func (r *reader) open(page string) {
	r.t.Helper()
	u, err := url.Parse(page)
	if err != nil {
		r.t.Fatal(err)
	}
	output, _ := r.run(fmt.Sprintf("exec 3<>/dev/tcp/%s/%s; printf 'GET %s HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3; exec 3>&-\n", u.Hostname(), u.Port(), u.Path))
	if !strings.HasPrefix(output, "HTTP/1.0 200 ") || !strings.Contains(output, "<title>Lockstep") {
		r.t.Fatalf("%s shows\n%.300s", page, output)
	}
}
