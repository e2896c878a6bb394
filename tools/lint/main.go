package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	tags := flag.String("tags", "", "build tags, as in go build")
	flag.Parse()
	left, err := lint(*tags, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "lint:", err)
		os.Exit(2)
	}
	for _, f := range left {
		fmt.Println(f)
	}
	if len(left) > 0 {
		os.Exit(1)
	}
}

// lint gives what is found in the packages that the patterns name and is not excepted,
// by file and line. Dependencies are read as the compiler has exported them, tests not at all.
func lint(tags string, patterns []string) ([]finding, error) {
	pkgs, err := packages.Load(&packages.Config{
		Mode:       packages.LoadSyntax,
		BuildFlags: []string{"-tags=" + tags},
		ParseFile:  parse,
	}, patterns...)
	if err != nil {
		return nil, err
	}
	var all []finding
	exceptions := exceptions{}
	looked := pkgs[:0]
	for _, p := range pkgs {
		if len(p.Errors) > 0 {
			return nil, fmt.Errorf("package %s cannot be read: %w", p.PkgPath, p.Errors[0])
		}
		if !leftOut(p.PkgPath) {
			looked = append(looked, p)
			all = append(all, exceptions.collect(p)...)
		}
	}
	for _, find := range []func([]*packages.Package) ([]finding, error){unchecked, compared, insecure} {
		found, err := find(looked)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return exceptions.apply(all), nil
}

// parse resolves names too, which go/packages leaves out: errorlint follows an error to
// the call that it came from by them.
func parse(files *token.FileSet, name string, source []byte) (*ast.File, error) {
	return parser.ParseFile(files, name, source, parser.AllErrors|parser.ParseComments)
}

// finding is what a rule says about a line.
type finding struct {
	file string // absolute
	line int
	rule string // "errcheck", "errorlint", or a rule of gosec such as "G204"
	text string
}

// String has the form of a compiler's message, with the file as seen from here.
func (f finding) String() string {
	file := f.file
	if here, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(here, file); err == nil && !strings.HasPrefix(rel, "..") {
			file = rel
		}
	}
	return fmt.Sprintf("%s:%d: %s (%s)", file, f.line, f.text, f.rule)
}
