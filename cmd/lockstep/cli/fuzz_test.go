package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzParseConfig: a config file is refused in one sentence, or has settings of
// different names, whose values are text that a flag can be given. What it takes to
// read it does not depend on what its aliases would come to.
func FuzzParseConfig(ff *testing.F) {
	f := fuzz.New(ff)
	for _, text := range []string{
		"", "# nothing\n", "data: /var/lib/x\nlisten: 127.0.0.1:0\n", "peers: [a=b:1, c=d:2]\n", "a: &x [1]\nb: *x\n",
		"a: 1\na: 2\n", "- a\n", "a: 1\n---\nb: 2\n", "a: {b: 1}\n", "a: |\n  x\n", "\xff", "? [a]\n: b\n",
		"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n",
	} {
		f.Add([]byte(text))
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.String("word", "", "")
	flags.StringSlice("list", nil, "")
	f.Bound(1<<12, 1<<20)
	f.Fuzz(func(t testing.TB, content []byte) {
		settings, err := parseConfig(content)
		if err != nil {
			if err.Error() == "" || strings.HasPrefix(err.Error(), "yaml: ") {
				t.Fatalf("refused with %q", err)
			}
			return
		}
		names := map[string]bool{}
		for _, s := range settings {
			if names[s.key.Value] {
				t.Fatalf("%q is set twice", s.key.Value)
			}
			names[s.key.Value] = true
			for _, flag := range []string{"word", "list"} {
				if text, err := s.text(flags.Lookup(flag)); err != nil && text != "" {
					t.Fatalf("%q with %v", text, err)
				}
			}
		}
	})
}

// FuzzEvents: whatever comes from others, an event is one line that a terminal shows as
// it is, and JSON if that is asked for.
func FuzzEvents(ff *testing.F) {
	f := fuzz.New(ff)
	for _, text := range []string{"", "two words", nasty, quiet, hostile, "\"", `\x9b`, "\xed\xa0\x80", "é\xc3", "\U000e0041"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t testing.TB, said []byte) {
		bad := string(said)
		for _, asJSON := range []bool{false, true} {
			var buf bytes.Buffer
			eventsTo(&buf, asJSON).With("with", bad).Warn("it says "+bad, "value", bad, "error", errors.New(bad), "list", []string{bad}, "text", shouting(bad))
			wantLine(t, buf.String(), asJSON)
		}
	})
}
