package cli

import (
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
