package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program is a small command line with one of everything.
type program struct {
	root    *cobra.Command
	out     bytes.Buffer
	err     bytes.Buffer
	listen  string
	shards  int
	wait    time.Duration
	peers   []string
	outcome func(ctx context.Context) error // what "serve" does
}

func newProgram() *program {
	p := &program{root: New("lockstep", "short", "long")}
	serve := &cobra.Command{Use: "serve", Short: "Serve", RunE: func(cmd *cobra.Command, _ []string) error {
		if p.outcome == nil {
			return nil
		}
		return p.outcome(cmd.Context())
	}}
	AddConfig(serve)
	serve.Flags().StringVar(&p.listen, "listen", "default", "where to listen")
	serve.Flags().IntVar(&p.shards, "shards", 1, "how many")
	serve.Flags().DurationVar(&p.wait, "max-wait", time.Second, "how long")
	serve.Flags().String("socket", "", "where to listen")
	serve.MarkFlagsMutuallyExclusive("listen", "socket")
	serve.Flags().StringSliceVar(&p.peers, "peers", nil, "who else")

	needy := &cobra.Command{Use: "needy FILE", Args: Args("FILE", false), RunE: func(*cobra.Command, []string) error { return nil }}
	needy.Flags().String("data", "", "`DIR` where")
	needy.MarkFlagRequired("data")

	group := &cobra.Command{Use: "indoubt", Short: "In doubt"}
	group.AddCommand(&cobra.Command{Use: "list", Run: func(*cobra.Command, []string) {}}, &cobra.Command{Use: "show", Run: func(*cobra.Command, []string) {}})
	p.root.AddCommand(serve, needy, group, VersionCommand(Build{Version: "v1.2.3", Commit: "abc", Date: "2026-01-02T03:04:05Z"}))
	p.root.SetOut(&p.out)
	p.root.SetErr(&p.err)
	return p
}

func (p *program) run(t *testing.T, args ...string) int {
	t.Helper()
	return Run(t.Context(), p.root, args)
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lockstep.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagBeatsEnvironmentBeatsFile(t *testing.T) {
	file := writeFile(t, "listen: file\nshards: 3\nmax-wait: 3s\npeers: [a, b]\n")
	for _, test := range []struct {
		name, env string
		args      []string
		want      string
	}{
		{"default", "", nil, "default"},
		{"file", "", []string{"--config", file}, "file"},
		{"environment", "env", []string{"--config", file}, "env"},
		{"flag", "env", []string{"--config", file, "--listen", "flag"}, "flag"},
		{"empty flag", "env", []string{"--config", file, "--listen="}, ""},
		{"empty environment", "", []string{"--config", file}, "file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("LOCKSTEP_LISTEN", test.env)
			p := newProgram()
			if code := p.run(t, append([]string{"serve"}, test.args...)...); code != ExitDone {
				t.Fatalf("exit code %d: %s", code, p.err.String())
			}
			if p.listen != test.want {
				t.Errorf("listen is %q, want %q", p.listen, test.want)
			}
		})
	}
}

func TestFileSetsEveryKindOfFlag(t *testing.T) {
	t.Setenv("LOCKSTEP_CONFIG", writeFile(t, "# a comment\nshards: 3\nmax-wait: 3s\npeers: [a, b]\nlog-level: debug\n"))
	p := newProgram()
	var debug bool
	p.outcome = func(ctx context.Context) error { debug = Logger(ctx).IsDebug(); return nil }
	if code := p.run(t, "serve"); code != ExitDone {
		t.Fatalf("exit code %d: %s", code, p.err.String())
	}
	if p.shards != 3 || p.wait != 3*time.Second || fmt.Sprint(p.peers) != "[a b]" || !debug {
		t.Errorf("shards %d, max-wait %s, peers %v, debug %t", p.shards, p.wait, p.peers, debug)
	}
}

func TestConfigFilesThatAreRefused(t *testing.T) {
	for _, test := range []struct{ name, content, want string }{
		{"unknown key", "shards: 3\nlistn: x\n", `:2: there is no setting "listn": did you mean "listen"?`},
		{"unlike anything", "colour: x\n", `:1: there is no setting "colour": see "lockstep serve --help"`},
		{"the file itself", "config: x\n", `:1: there is no setting "config"`},
		{"a question", "help: true\n", `:1: there is no setting "help"`},
		{"wrong type", "shards: many\n", `:1: shards must be a whole number, not "many"`},
		{"no value", "shards:\n", `:1: "shards" has no value`},
		{"nested", "shards: {a: 1}\n", `:1: "shards" must be a single value`},
		{"list for a single value", "shards: [1]\n", `:1: "shards" must be a single value`},
		{"twice", "shards: 1\nlisten: x\nshards: 2\n", `"shards" is set on line 1 and again on line 3`},
		{"two documents", "shards: 1\n---\nlisten: x\n", `there is more behind the line "---"`},
		{"a second document that is none", "shards: 1\n---\n[\n", `there is more behind the line "---"`},
		{"not a mapping", "- shards\n", `settings are lines of the form "name: value"`},
		{"not YAML", "shards: [\n", `line 1: did not find expected node content`},
		{"too long", strings.Repeat("#", maxConfigBytes+1), `is it a config file?`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProgram()
			if code := p.run(t, "serve", "--config", writeFile(t, test.content)); code != ExitUsage {
				t.Errorf("exit code %d, want %d", code, ExitUsage)
			}
			wantSentence(t, p.err.String(), test.want)
		})
	}
}

func TestEmptyConfigFile(t *testing.T) {
	for _, content := range []string{"", "# only a comment\n", "---\n"} {
		p := newProgram()
		if code := p.run(t, "serve", "--config", writeFile(t, content)); code != ExitDone {
			t.Errorf("%q: exit code %d: %s", content, code, p.err.String())
		}
	}
}

func TestWrongUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		env  string // LOCKSTEP_SHARDS
		want string
	}{
		{args: []string{"sevre"}, want: `there is no command "sevre": did you mean "lockstep serve"?`},
		{args: []string{"sevre", "--shards", "3", "x"}, want: `there is no command "sevre": did you mean "lockstep serve"?`},
		{args: []string{"nothing-like-it"}, want: `there is no command "nothing-like-it": see "lockstep --help"`},
		{args: []string{"help", "indoubt", "lst"}, want: `there is no command "indoubt lst": did you mean "lockstep indoubt list"?`},
		{args: []string{"indoubt"}, want: `indoubt needs one of list or show: see "lockstep indoubt --help"`},
		{args: []string{"indoubt", "shwo"}, want: `there is no command "indoubt shwo": did you mean "lockstep indoubt show"?`},
		{args: []string{"serve", "--shrads", "3"}, want: `there is no flag --shrads: did you mean "--shards"?`},
		{args: []string{"serve", "-q"}, want: `there is no flag -q: see "lockstep serve --help"`},
		{args: []string{"serve", "--shards"}, want: `--shards needs a value: see "lockstep serve --help"`},
		{args: []string{"serve", "--shards", "x"}, want: `--shards must be a whole number, not "x"`},
		{args: []string{"serve", "--shards", "99999999999999999999"}, want: `--shards is out of range: "99999999999999999999"`},
		{args: []string{"serve", "--max-wait", "5"}, want: `--max-wait must be a duration such as "1.5s" or "10m", not "5"`},
		{args: []string{"serve", "--log-format", "xml"}, want: `--log-format must be text or json, not "xml"`},
		{args: []string{"serve"}, env: "x", want: `LOCKSTEP_SHARDS must be a whole number, not "x"`},
		{args: []string{"serve", "--listen", "x", "--socket", "y"}, want: `--listen and --socket exclude each other: give one of them`},
		{args: []string{"serve", "extra"}, want: `serve takes no arguments, but has "extra": see "lockstep serve --help"`},
		{args: []string{"serve", "--config", "/nowhere"}, want: `cannot read the config file: open /nowhere: no such file or directory`},
		{args: []string{"needy", "x"}, want: `needy needs --data: give the flag, or set LOCKSTEP_DATA: see "lockstep needy --help"`},
		{args: []string{"needy", "--data", "", "x"}, want: `needy needs --data`},
		{args: []string{"needy", "--data", "x"}, want: `needy needs a FILE: see "lockstep needy --help"`},
		{args: []string{"needy", "a", "b"}, want: `needy takes one FILE, not 2: see "lockstep needy --help"`},
		{args: []string{"version", "-o", "xml"}, want: `--output must be table or json, not "xml"`},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			t.Setenv("LOCKSTEP_SHARDS", test.env)
			p := newProgram()
			if code := p.run(t, test.args...); code != ExitUsage {
				t.Errorf("exit code %d, want %d", code, ExitUsage)
			}
			wantSentence(t, p.err.String(), test.want)
			if p.out.Len() > 0 {
				t.Errorf("standard output has %q", p.out.String())
			}
		})
	}
}

// wantSentence checks that got is one line "lockstep: …" that contains want.
func wantSentence(t *testing.T, got, want string) {
	t.Helper()
	if !strings.HasPrefix(got, "lockstep: ") || strings.Count(got, "\n") != 1 || !strings.Contains(got, want) {
		t.Errorf("standard error has\n%s\nwant one line with\n%s", got, want)
	}
}

func TestExitCodes(t *testing.T) {
	cause := errors.New("cause")
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{cause, 1},
		{Usage(cause), 2},
		{Usagef("x: %w", cause), 2},
		{Unknown(cause), 3},
		{Unknownf("x: %w", cause), 3},
		{Refused(cause), 4},
		{fmt.Errorf("wrapped: %w", Refusedf("x: %w", cause)), 4},
		{Usage(nil), 0},
	} {
		if got := ExitCode(test.err); got != test.want {
			t.Errorf("exit code of %v is %d, want %d", test.err, got, test.want)
		}
		if test.err != nil && !errors.Is(test.err, cause) {
			t.Errorf("%v has lost its cause", test.err)
		}
		p := newProgram()
		p.outcome = func(context.Context) error { return test.err }
		if got := p.run(t, "serve"); got != test.want {
			t.Errorf("Run gives %d for %v, want %d", got, test.err, test.want)
		}
	}
}

func TestErrorIsOneSentence(t *testing.T) {
	p := newProgram()
	p.outcome = func(context.Context) error { return errors.Join(errors.New("one"), errors.New("two")) }
	p.run(t, "serve")
	if got := p.err.String(); got != "lockstep: one; two\n" {
		t.Errorf("standard error has %q", got)
	}
}

func TestPanicIsOneSentence(t *testing.T) {
	p := newProgram()
	p.outcome = func(context.Context) error { panic("boom") }
	if code := p.run(t, "serve"); code != ExitFailed {
		t.Errorf("exit code %d", code)
	}
	wantSentence(t, p.err.String(), "a fault in this program: boom")

	p = newProgram()
	p.outcome = func(context.Context) error { panic("boom") }
	p.run(t, "serve", "--log-level", "debug")
	if !strings.Contains(p.err.String(), "cli_test.go") {
		t.Errorf("no stack at debug level: %s", p.err.String())
	}
}

func TestSignalCancels(t *testing.T) {
	p := newProgram()
	p.outcome = func(ctx context.Context) error {
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			return err
		}
		if err := self.Signal(os.Interrupt); err != nil {
			return err
		}
		<-ctx.Done()
		return fmt.Errorf("wait: %w", ctx.Err())
	}
	if code := p.run(t, "serve"); code != ExitFailed {
		t.Errorf("exit code %d", code)
	}
	wantSentence(t, p.err.String(), "interrupted before it was done")
}

func TestLogFormat(t *testing.T) {
	p := newProgram()
	p.outcome = func(ctx context.Context) error { Logger(ctx).Info("here", "n", 1); return nil }
	p.run(t, "serve", "--log-format", "json")
	if !strings.Contains(p.err.String(), `"@message":"here"`) {
		t.Errorf("not JSON: %s", p.err.String())
	}
	p.err.Reset()
	p.run(t, "serve", "--log-format", "text", "--log-level", "warn")
	if p.err.Len() > 0 {
		t.Errorf("logged below its level: %s", p.err.String())
	}
	if Logger(t.Context()).IsError() {
		t.Error("a context from elsewhere has a logger that speaks")
	}
}

func TestVersion(t *testing.T) {
	p := newProgram()
	if code := p.run(t, "version", "-o", "json"); code != ExitDone {
		t.Fatalf("exit code %d: %s", code, p.err.String())
	}
	if got := p.out.String(); !strings.HasPrefix(got, `{"version":"v1.2.3","commit":"abc","date":"2026-01-02T03:04:05Z",`) {
		t.Errorf("printed %s", got)
	}
}

func TestVersionComesFromTheBuildIfTheLinkerSetsNone(t *testing.T) {
	info := &debug.BuildInfo{Main: debug.Module{Version: "v0.3.0"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "true"}}}
	b := Build{Go: "go1.26", Platform: "linux/amd64"}
	if got := b.from(info).String(); got != "v0.3.0 (commit abc of 2026-01-02T03:04:05Z, modified, go1.26, linux/amd64)" {
		t.Errorf("got %s", got)
	}
	b.Version, b.Commit = "v1", "def"
	if got := b.from(info); got.Version != "v1" || got.Commit != "def" {
		t.Errorf("the linker's %v is overwritten", got)
	}
}

func TestCompletion(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"help ", "serve\tServe\n"},
		{"help indoubt ", "list\n"},
		{"indoubt ", "list\n"},
		{"ser", "serve\tServe\n"},
		{"serve --log-format ", "text\njson\n:4\n"},
		{"serve --log-level ", "info\ntrace\ndebug\nwarn\nerror\noff\n:4\n"},
		{"version -o ", "table\njson\n:4\n"},
		{"serve --config ", "yaml\nyml\n:8\n"},
		{"serve --listen ", ":4\n"},
		{"serve ", ":4\n"},
		{"needy ", ":0\n"},
		{"needy --data ", ":16\n"},
	} {
		p := newProgram()
		p.run(t, append([]string{"__complete"}, strings.Split(test.args, " ")...)...)
		if !strings.Contains(p.out.String(), test.want) {
			t.Errorf("%q completes to %q", test.args, p.out.String())
		}
	}
}

func TestHelpAndCompletionWork(t *testing.T) {
	for _, args := range [][]string{
		nil, {"--help"}, {"help"}, {"help", "serve"}, {"serve", "--help"}, {"indoubt", "-h"},
		{"completion", "bash"}, {"completion", "zsh"}, {"completion", "fish"}, {"completion", "powershell"}, {"help", "completion", "bash"},
	} {
		p := newProgram()
		if code := p.run(t, args...); code != ExitDone || p.out.Len() == 0 || p.err.Len() > 0 {
			t.Errorf("%q: exit code %d, %d bytes out, standard error %q", args, code, p.out.Len(), p.err.String())
		}
	}
}

func TestHelpFitsATerminal(t *testing.T) {
	p := newProgram()
	p.run(t, "serve", "--help")
	for line := range strings.Lines(p.out.String()) {
		if len(line) > 81 {
			t.Errorf("line of %d columns: %s", len(line), line)
		}
	}
}

func TestNearest(t *testing.T) {
	for _, test := range []struct {
		name string
		want string
	}{{"sumbit", "submit"}, {"submit", "submit"}, {"statsu", "status"}, {"gte", "get"}, {"x", ""}, {"shardd", "shard"}, {"", ""}} {
		if got, _ := nearest(test.name, []string{"submit", "status", "get", "shard"}); got != test.want {
			t.Errorf("nearest to %q is %q, want %q", test.name, got, test.want)
		}
	}
}
