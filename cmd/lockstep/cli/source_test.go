package cli

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// settingsOf runs "serve" and gives what Settings says of it, by name.
func settingsOf(t *testing.T, args ...string) map[string]Setting {
	t.Helper()
	p := newProgram()
	found := map[string]Setting{}
	p.outcome = func(context.Context) error {
		serve, _, err := p.root.Find([]string{"serve"})
		if err != nil {
			return err
		}
		for _, s := range Settings(serve) {
			found[s.Name] = s
		}
		return nil
	}
	if code := p.run(t, append([]string{"serve"}, args...)...); code != ExitDone {
		t.Fatalf("exit code %d: %s", code, p.err.String())
	}
	return found
}

func TestSettingsSayWhereTheyComeFrom(t *testing.T) {
	file := writeFile(t, "listen: file\nshards: 3\nmax-wait: 3s\npeers: [a, b]\n")
	t.Setenv("LOCKSTEP_SHARDS", "4")
	t.Setenv("LOCKSTEP_LOG_LEVEL", "warn")
	got := settingsOf(t, "--config", file, "--max-wait", "5s")
	for _, want := range []Setting{
		{Name: "listen", Value: "file", From: FromFile, Where: file + ":1"},
		{Name: "shards", Value: "4", From: FromEnvironment, Where: "LOCKSTEP_SHARDS", Beaten: file + ":2"},
		{Name: "max-wait", Value: "5s", From: FromFlag, Where: "--max-wait", Beaten: file + ":3"},
		{Name: "peers", Value: "a,b", From: FromFile, Where: file + ":4"},
		{Name: "socket", From: FromDefault},
		{Name: "log-level", Value: "warn", From: FromEnvironment, Where: "LOCKSTEP_LOG_LEVEL"},
		{Name: "log-format", Value: "text", From: FromDefault},
	} {
		if got[want.Name] != want {
			t.Errorf("got %+v, want %+v", got[want.Name], want)
		}
		delete(got, want.Name)
	}
	if len(got) > 0 {
		t.Errorf("there are also %v", got)
	}
}

func TestSettingAsText(t *testing.T) {
	for want, s := range map[string]Setting{
		"default":                     {From: FromDefault},
		"--listen, beats a.yaml:3":    {From: FromFlag, Where: "--listen", Beaten: "a.yaml:3"},
		"default, beats a.yaml:1":     {From: FromDefault, Beaten: "a.yaml:1"}, // of flags that exclude each other
		"LOCKSTEP_LISTEN":             {From: FromEnvironment, Where: "LOCKSTEP_LISTEN"},
		"/etc/lockstep/shard0.yaml:7": {From: FromFile, Where: "/etc/lockstep/shard0.yaml:7"},
	} {
		if got := s.String(); got != want {
			t.Errorf("%+v is %q, want %q", s, got, want)
		}
	}
}

func TestExampleHasEverySettingAndIsReadBack(t *testing.T) {
	p := newProgram()
	serve, _, err := p.root.Find([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	serve.MarkFlagRequired("listen")
	var out bytes.Buffer
	if err := WriteExample(&out, p.root, serve, map[string]string{"listen": "here:1", "peers": "a,b"}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(out.String()) {
		name, _, ok := strings.Cut(strings.TrimPrefix(line, "#"), ":")
		if ok && !strings.HasPrefix(line, "# ") {
			names = append(names, name)
		}
	}
	if want := []string{"listen", "shards", "max-wait", "socket", "peers", "log-format", "log-level"}; !slices.Equal(names, want) {
		t.Errorf("the example has %v, want %v", names, want)
	}
	if got := settingsOf(t, "--config", writeFile(t, out.String())); got["listen"].Value != "here:1" || got["shards"].From != FromDefault {
		t.Errorf("read back as %v from\n%s", got, out.String())
	}
}

func TestConfigFileAsArgument(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{"a.yaml", "b.yaml"}, "c takes one FILE, not 2"},
		{[]string{"a.yaml", "--config", "b.yaml"}, "c takes its FILE once, as an argument or as --config"},
		{[]string{"/nowhere.yaml"}, "cannot read the config file: open /nowhere.yaml"},
	} {
		p := newProgram()
		c := &cobra.Command{Use: "c", Args: ConfigFile, RunE: func(*cobra.Command, []string) error { return nil }}
		AddConfig(c)
		p.root.AddCommand(c)
		code := p.run(t, append([]string{"c"}, test.args...)...)
		if test.want == "" && code != ExitDone || test.want != "" && code != ExitUsage {
			t.Errorf("%q: exit code %d", test.args, code)
		}
		if test.want != "" {
			wantSentence(t, p.err.String(), test.want)
		}
	}
}

func TestUnknownVariables(t *testing.T) {
	t.Setenv("LOCKSTEP_LISTN", "x")
	t.Setenv("LOCKSTEP_COLOUR", "x")
	t.Setenv("LOCKSTEP_SHARDS", "3")
	got := UnknownVariables(newProgram().root)
	want := []string{
		"LOCKSTEP_COLOUR is a setting of no command: it has no effect",
		`LOCKSTEP_LISTN is a setting of no command: did you mean "LOCKSTEP_LISTEN"?`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
