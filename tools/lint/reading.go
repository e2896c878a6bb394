package main

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/packages"
)

// onlyRead gives the places where a file from os.Open is closed: it was only read, so
// nothing is lost whatever Close says.
func onlyRead(p *packages.Package) map[place]bool {
	files := map[types.Object]bool{}
	inspect(p, func(n ast.Node) {
		a, ok := n.(*ast.AssignStmt)
		if !ok || len(a.Rhs) != 1 || !calls(p, a.Rhs[0], "os.Open") {
			return
		}
		if name, ok := a.Lhs[0].(*ast.Ident); ok {
			files[p.TypesInfo.ObjectOf(name)] = true
		}
	})
	closed := map[place]bool{}
	inspect(p, func(n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || !calls(p, call, "(*os.File).Close") {
			return
		}
		if name, ok := call.Fun.(*ast.SelectorExpr).X.(*ast.Ident); ok && files[p.TypesInfo.ObjectOf(name)] {
			at := p.Fset.Position(call.Pos())
			closed[place{at.Filename, at.Line}] = true
		}
	})
	return closed
}

func inspect(p *packages.Package, look func(ast.Node)) {
	for _, f := range p.Syntax {
		ast.Inspect(f, func(n ast.Node) bool {
			look(n)
			return true
		})
	}
}

// calls reports whether an expression calls a function or method by its full name.
func calls(p *packages.Package, e ast.Expr, name string) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	f, ok := p.TypesInfo.ObjectOf(selector.Sel).(*types.Func)
	return ok && f.FullName() == name
}
