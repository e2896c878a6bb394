package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the folder of the module, as seen from here.
const root = "../.."

const module = "github.com/lockstep-exec/lockstep"

// file is one Go file that is compiled into the program.
type file struct {
	dir     string // package folder below the root, with slashes
	name    string
	ast     *ast.File
	imports []string
}

// files parses every Go file of the module but tests.
func files(t *testing.T) (list []file) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if base == "testdata" || (name != root && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"))) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f, err := parse(filepath.ToSlash(below), source)
		list = append(list, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func parse(name string, source []byte) (file, error) {
	tree, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
	if err != nil {
		return file{}, err
	}
	f := file{dir: path.Dir(name), name: name, ast: tree}
	for _, spec := range tree.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, err
		}
		f.imports = append(f.imports, imported)
	}
	return f, nil
}

// under reports whether a folder is one of those named, or below one of them.
func under(dir string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return dir == name || strings.HasPrefix(dir, name+"/") })
}
