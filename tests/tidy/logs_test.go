package tidy

import (
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logged is a call that writes an event into the log of a daemon.
type logged struct {
	method  string
	message string
	keys    []string
}

// logCalls finds the calls in a file whose message and keys are literals.
func logCalls(f file) (calls []logged) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains([]string{"Debug", "Info", "Warn", "Error", "Over"}, method.Sel.Name) {
			return true
		}
		message, ok := literal(call.Args[0])
		if !ok {
			return true
		}
		l := logged{method: method.Sel.Name, message: message}
		for i := 1; i < len(call.Args); i += 2 {
			if key, ok := literal(call.Args[i]); ok {
				l.keys = append(l.keys, key)
			}
		}
		calls = append(calls, l)
		return true
	})
	return calls
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

// What a daemon logs is in docs/reference/logs.md: its keys, and the beginning of its
// text if it is no detail.
func TestLogsAreInTheReference(t *testing.T) {
	text, err := os.ReadFile(root + "/docs/reference/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, quoted := range regexp.MustCompile("`[^`]+`").FindAllString(string(text), -1) {
		known = append(known, strings.TrimSpace(strings.Trim(quoted, "`")))
	}
	found := 0
	for _, f := range files(t) {
		if !under(f.dir, "coordinator", "executor", "protocol", "cmd/lockstep/serve", "cmd/lockstep/dashboard") {
			continue
		}
		for _, call := range logCalls(f) {
			found++
			for _, key := range call.keys {
				if !slices.Contains(known, key) {
					t.Errorf("%s: key %q is not in docs/reference/logs.md", f.name, key)
				}
			}
			if call.method != "Debug" && !slices.ContainsFunc(known, func(event string) bool { return describes(event, call.message) }) {
				t.Errorf("%s: event %q is not in docs/reference/logs.md", f.name, call.message)
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d calls were found", found)
	}
}

// describes reports whether an event of the reference is that of a message.
func describes(event, message string) bool {
	begins, cut := strings.CutSuffix(event, " …")
	return message == event || cut && strings.HasPrefix(message, begins)
}
