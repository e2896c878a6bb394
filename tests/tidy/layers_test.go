package tidy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// layers says what each part of the module may import of the module itself.
// The first entry that holds a package counts; a folder stands for everything
// below it too.
var layers = []struct {
	part  string
	exact bool // the folder alone, not what is below it
	may   []string
}{
	{part: "protocol", exact: true},
	{part: "protocol/wirepb"},
	{part: "protocol", may: []string{"protocol"}}, // wire, rpc
	{part: "wal"},
	{part: "state", may: []string{"protocol", "state"}},
	{part: "executor", may: []string{"protocol", "wal", "state", "executor"}},
	{part: "coordinator", may: []string{"protocol", "wal", "coordinator"}},
	{part: "cmd", may: []string{"protocol", "wal", "state", "executor", "coordinator", "cmd"}},
	{part: "examples", may: []string{"protocol", "wal", "state", "executor", "coordinator", "examples"}},
	{part: "tests", may: []string{"protocol", "wal", "state", "executor", "coordinator", "cmd", "tests"}},
	{part: "tools"}, // modules of their own
}

// wrongImport says which import of the module breaks the layering, or "".
func wrongImport(f file) string {
	for _, layer := range layers {
		if f.dir != layer.part && (layer.exact || !under(f.dir, layer.part)) {
			continue
		}
		for _, imported := range f.imports {
			if below, ok := strings.CutPrefix(imported, module+"/"); ok && !under(below, layer.may...) {
				return fmt.Sprintf("%s imports %s; %s may import only %v of this module", f.name, below, layer.part, layer.may)
			}
		}
		return ""
	}
	return fmt.Sprintf("%s belongs to no layer: give it one", f.name)
}

func TestLayers(t *testing.T) {
	list := files(t)
	for _, part := range []string{"protocol", "wal", "state", "executor", "coordinator", "cmd"} {
		if !slices.ContainsFunc(list, func(f file) bool { return under(f.dir, part) }) {
			t.Errorf("nothing was found in %s", part)
		}
	}
	for _, f := range list {
		if wrong := wrongImport(f); wrong != "" {
			t.Error(wrong)
		}
	}
}

func TestLayersCatchWrongImports(t *testing.T) {
	for _, test := range []struct {
		name, imported string
		wrong          bool
	}{
		{"protocol/a.go", "protocol/wire", true},
		{"protocol/a.go", "wal", true},
		{"protocol/wirepb/a.go", "protocol", true},
		{"protocol/wire/a.go", "protocol", false},
		{"protocol/rpc/a.go", "protocol/wire", false},
		{"protocol/rpc/a.go", "executor", true},
		{"wal/a.go", "protocol", true},
		{"state/boltfile/a.go", "protocol", false},
		{"state/a.go", "wal", true},
		{"executor/a.go", "coordinator", true},
		{"executor/a.go", "coordinator/history", true},
		{"executor/ledger/a.go", "executor", false},
		{"coordinator/a.go", "executor", true},
		{"coordinator/a.go", "state", true},
		{"coordinator/a.go", "coordinator/history", false},
		{"coordinator/a.go", "walrus", true},
		{"cmd/lockstep/a.go", "coordinator", false},
		{"cmd/lockstep/a.go", "tests/cluster", true},
		{"somewhere/a.go", "protocol", true},
	} {
		f, err := parse(test.name, fmt.Appendf(nil, "package a\nimport _ %q\n", module+"/"+test.imported))
		if err != nil {
			t.Fatal(err)
		}
		if wrong := wrongImport(f); (wrong != "") != test.wrong {
			t.Errorf("%s imports %s: %q", test.name, test.imported, wrong)
		}
	}
}
