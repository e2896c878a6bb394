package main

import (
	"bytes"
	"fmt"
	"log"
	"slices"
	"strconv"
	"strings"

	"github.com/kisielk/errcheck/errcheck"
	"github.com/polyfloyd/go-errorlint/errorlint"
	"github.com/securego/gosec/v2"
	"github.com/securego/gosec/v2/analyzers"
	"github.com/securego/gosec/v2/rules"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"
)

// unchecked gives calls whose error nobody looks at.
func unchecked(pkgs []*packages.Package) ([]finding, error) {
	c := errcheck.Checker{Exclusions: errcheck.Exclusions{
		Symbols:          append(everywhere(ignorable), errcheck.DefaultExcludedSymbols...),
		GeneratedFiles:   true,
		BlankAssignments: true,
		TypeAssertions:   true,
	}}
	var found []finding
	for _, p := range pkgs {
		read := onlyRead(p)
		for _, e := range c.CheckPackage(p).UncheckedErrors {
			if read[place{e.Pos.Filename, e.Pos.Line}] {
				continue
			}
			found = append(found, finding{e.Pos.Filename, e.Pos.Line, "errcheck", "the error is not looked at: " + strings.TrimSpace(e.Line)})
		}
	}
	return found, nil
}

// compared gives errors that are compared, converted or formatted without regard to
// what they wrap.
func compared(pkgs []*packages.Package) ([]finding, error) {
	a := errorlint.NewAnalyzer(errorlint.WithAllowedErrors(bare))
	if err := a.Flags.Set("errorf", "true"); err != nil {
		return nil, err
	}
	graph, err := checker.Analyze([]*analysis.Analyzer{a}, pkgs, nil)
	if err != nil {
		return nil, err
	}
	var found []finding
	for _, act := range graph.Roots {
		if act.Err != nil {
			return nil, fmt.Errorf("errorlint of %s: %w", act.Package.PkgPath, act.Err)
		}
		for _, d := range act.Diagnostics {
			at := act.Package.Fset.Position(d.Pos)
			found = append(found, finding{at.Filename, at.Line, "errorlint", d.Message})
		}
	}
	return found, nil
}

// insecure gives what the rules of gosec find, on the syntax and on SSA form, without
// those that are off. Its own ways to except something are not known here.
func insecure(pkgs []*packages.Package) ([]finding, error) {
	config := gosec.NewConfig()
	config.SetGlobal(gosec.Nosec, "true")
	var trouble bytes.Buffer
	g := gosec.NewAnalyzer(config, false, true, false, 1, log.New(&trouble, "", 0))
	g.LoadRules(rules.Generate(false, rules.NewRuleFilter(true, everywhere(insecurities)...)).RulesInfo())
	g.LoadAnalyzers(analyzers.Generate(false, analyzers.NewAnalyzerFilter(true, everywhere(insecurities)...)).AnalyzersInfo())

	packageOf := map[string]string{} // by file
	for _, p := range pkgs {
		for _, file := range p.CompiledGoFiles {
			packageOf[file] = p.PkgPath
		}
		trouble.Reset()
		g.CheckRules(p)
		g.CheckAnalyzers(p)
		// It logs that an analyzer failed, and goes on without.
		if text := trouble.String(); strings.Contains(text, "Error ") || strings.Contains(text, "Panic ") {
			return nil, fmt.Errorf("gosec of %s: %s", p.PkgPath, text)
		}
	}
	var found []finding
	issues, _, _ := g.Report()
	for _, i := range issues {
		first, _, _ := strings.Cut(i.Line, "-") // the lines of what is found
		line, err := strconv.Atoi(first)
		if err != nil {
			return nil, fmt.Errorf("gosec of %s: line %q: %w", i.File, i.Line, err)
		}
		f := finding{i.File, line, i.RuleID, i.What}
		if !slices.ContainsFunc(insecurities, func(r rule) bool { return r.covers(f, packageOf[i.File]) }) {
			found = append(found, f)
		}
	}
	return found, nil
}
