package main

import (
	"cmp"
	"go/ast"
	"maps"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// place is a line of a file.
type place struct {
	file string
	line int
}

// exceptions are the rules that a line in the code excepts, and whether they found
// anything there.
type exceptions map[place]map[string]bool

var (
	// exception is how a line says that it is right as it stands. Names are those of
	// rules; staticcheck reads its own.
	exception = regexp.MustCompile(`^//nolint:([A-Za-z0-9]+(?:,[A-Za-z0-9]+)*) // \S`)
	// otherwise is what other tools, or these elsewhere, take for an exception.
	otherwise = regexp.MustCompile(`^//\s*(nolint\b|lint:file-ignore\b|#nosec\b|gosec:disable\b)`)
)

// collect takes down what the files of a package except, and gives those that are
// written in another way, or without a reason.
func (x exceptions) collect(p *packages.Package) []finding {
	var wrong []finding
	for _, f := range p.Syntax {
		for c := range comments(f) {
			at := p.Fset.Position(c.Pos())
			if m := exception.FindStringSubmatch(c.Text); m != nil {
				used := map[string]bool{}
				for name := range strings.SplitSeq(m[1], ",") {
					used[name] = false
				}
				x[place{at.Filename, at.Line}] = used
			} else if otherwise.MatchString(c.Text) {
				wrong = append(wrong, finding{at.Filename, at.Line, "nolint", "write an exception as //nolint:RULE // reason"})
			}
		}
	}
	return wrong
}

func comments(f *ast.File) func(yield func(*ast.Comment) bool) {
	return func(yield func(*ast.Comment) bool) {
		for _, group := range f.Comments {
			for _, c := range group.List {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// apply gives the findings that no line excepts, sorted and each once, and the
// exceptions that nothing needs.
func (x exceptions) apply(all []finding) []finding {
	var left []finding
	for _, f := range all {
		excepted := x[place{f.file, f.line}]
		if _, ok := excepted[f.rule]; ok {
			excepted[f.rule] = true
		} else {
			left = append(left, f)
		}
	}
	for at, rules := range x {
		for _, name := range slices.Sorted(maps.Keys(rules)) {
			if !rules[name] {
				left = append(left, finding{at.file, at.line, "nolint", name + " finds nothing here: remove the exception"})
			}
		}
	}
	slices.SortFunc(left, compare)
	return slices.Compact(left)
}

// compare sorts findings by file, line, rule and text.
func compare(a, b finding) int {
	return cmp.Or(strings.Compare(a.file, b.file), cmp.Compare(a.line, b.line), strings.Compare(a.rule, b.rule), strings.Compare(a.text, b.text))
}
