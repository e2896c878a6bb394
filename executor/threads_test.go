package executor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// shell are the files with goroutines, clocks and chance: what a simulator
// leaves out. A Core is made of the others.
var shell = []string{
	"exchange.go", "exchange_server.go", "link.go", "schedule.go", "service.go", "service_prepared.go", "shard.go", "space.go", "storage.go",
}

// threaded lists what a Core must not have.
var threaded = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"sync": {"WaitGroup", "Cond", "NewCond"},
}

func forbidden(n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "a goroutine"
	case *ast.ImportSpec:
		if slices.Contains([]string{`"math/rand"`, `"math/rand/v2"`, `"crypto/rand"`}, n.Path.Value) {
			return "chance"
		}
	case *ast.SelectorExpr:
		if of, ok := n.X.(*ast.Ident); ok && slices.Contains(threaded[of.Name], n.Sel.Name) {
			return of.Name + "." + n.Sel.Name
		}
	}
	return ""
}

// TestACoreHasNoThreadsOfItsOwn reads the source: goroutines and clocks are
// where they are listed, and nowhere else.
func TestACoreHasNoThreadsOfItsOwn(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if what := forbidden(n); what != "" {
				used[name] = true
				if !slices.Contains(shell, name) {
					t.Errorf("%s has %s", name, what)
				}
			}
			return true
		})
	}
	for _, name := range shell {
		if !used[name] {
			t.Errorf("%s has neither, so it need not be listed", name)
		}
	}
}
