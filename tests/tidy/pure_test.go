package tidy

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// The pure core takes all it knows of the world as events. What it may import
// is short, so it is listed rather than what it may not.
var pureImports = []string{
	"bytes", "cmp", "crypto/sha256", "encoding/binary", "encoding/hex", "errors", "fmt", "maps", "math", "math/bits",
	"slices", "sort", "strconv", "strings", "time", "unicode/utf8",
	"github.com/cespare/xxhash/v2", "github.com/holiman/uint256",
}

// clockReads are the parts of package time that look at the clock or wait.
var clockReads = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// impurities lists what makes a file impure.
func impurities(f file) (list []string) {
	for _, imported := range f.imports {
		if !slices.Contains(pureImports, imported) {
			list = append(list, "imports "+imported)
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			list = append(list, "starts a goroutine")
		case *ast.ChanType:
			list = append(list, "has a channel")
		case *ast.SelectorExpr:
			if of, ok := n.X.(*ast.Ident); ok && of.Name == "time" && slices.Contains(clockReads, n.Sel.Name) {
				list = append(list, "calls time."+n.Sel.Name)
			}
		case *ast.CallExpr:
			if called, ok := n.Fun.(*ast.Ident); ok && strings.HasPrefix(called.Name, "print") {
				list = append(list, "prints")
			}
		case *ast.GenDecl:
			if n.Tok == token.IMPORT {
				list = append(list, renamed(n)...)
			}
		}
		return true
	})
	return list
}

// renamed finds imports under another name, which would hide what they are.
func renamed(d *ast.GenDecl) (list []string) {
	for _, spec := range d.Specs {
		if i := spec.(*ast.ImportSpec); i.Name != nil {
			list = append(list, "imports "+i.Path.Value+" as "+i.Name.Name)
		}
	}
	return list
}

func TestTheCoreIsPure(t *testing.T) {
	seen := 0
	for _, f := range files(t) {
		if f.dir != "protocol" {
			continue
		}
		seen++
		for _, what := range impurities(f) {
			t.Errorf("%s %s: the core knows no clock, disk, network, lock, goroutine, logger or random source", f.name, what)
		}
	}
	if seen == 0 {
		t.Error("nothing was found in protocol")
	}
}

func TestImpuritiesAreCaught(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{`import "net"`, "imports net"},
		{`import "os"`, "imports os"},
		{`import "math/rand/v2"`, "imports math/rand/v2"},
		{`import "sync"`, "imports sync"},
		{`import "log"`, "imports log"},
		{`import clock "time"`, `imports "time" as clock`},
		{`import "time"; var at = time.Now()`, "calls time.Now"},
		{`import "time"; func f() { time.Sleep(1) }`, "calls time.Sleep"},
		{`func f() { go f() }`, "starts a goroutine"},
		{`var c chan int`, "has a channel"},
		{`func f() { println() }`, "prints"},
		{`import "time"; var d = 5 * time.Second`, ""},
	} {
		f, err := parse("protocol/a.go", []byte("package protocol; "+test.source))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(impurities(f), ", "); got != test.want {
			t.Errorf("%s: got %q, want %q", test.source, got, test.want)
		}
	}
}
