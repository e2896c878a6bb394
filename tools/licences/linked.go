package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// What is released: this package, for Linux on these architectures.
const released = "./cmd/lockstep"

var architectures = []string{"amd64", "arm64"}

// standard is the path that the standard library and the runtime of Go have here, as in
// the databases of vulnerabilities.
const standard = "stdlib"

// module is a module of which at least one package is linked into a binary.
type module struct {
	path    string
	version string          // "" for the standard library, whose version is that of the binary
	dir     string          // its folder in the module cache; "" for the standard library
	folders map[string]bool // folders of the packages that are linked
	uses    map[string]bool // paths of the modules that those packages import, without itself

	texts   []text // sorted by name; set by judge
	licence string // SPDX expression; set by judge
}

// goPackage is what is read of the output of go list.
type goPackage struct {
	ImportPath string
	Dir        string
	Standard   bool
	Imports    []string
	Module     *struct {
		Path, Version, Dir string
		Replace            *struct{ Path string }
	}
}

// linked lists the modules in the binaries of a release, sorted by path, the module
// that is released itself among them, with the version "". It needs no network if the
// modules are downloaded.
func linked(root string) ([]module, error) {
	all := map[string]*module{}
	for _, arch := range architectures {
		packages, err := list(root, arch)
		if err != nil {
			return nil, err
		}
		if err := collect(all, packages); err != nil {
			return nil, err
		}
	}
	var sorted []module
	for _, path := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, *all[path])
	}
	return sorted, nil
}

// list asks the go command for the packages that are linked for an architecture.
func list(root, arch string) (packages []goPackage, err error) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Standard,Imports,Module", released)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list what is linked for %s: %w", arch, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("read what go list says: %w", err)
		}
		packages = append(packages, p)
	}
}

// collect adds packages to their modules.
func collect(all map[string]*module, packages []goPackage) error {
	of := map[string]string{}
	for _, p := range packages {
		switch {
		case p.Standard:
			of[p.ImportPath] = standard
		case p.Module == nil:
			return fmt.Errorf("%s belongs to no module", p.ImportPath)
		case p.Module.Replace != nil:
			return fmt.Errorf("%s is replaced by %s: what is released has no replaced modules, since it is not what its name and version say",
				p.Module.Path, p.Module.Replace.Path)
		default:
			of[p.ImportPath] = p.Module.Path
		}
	}
	for _, p := range packages {
		m := all[of[p.ImportPath]]
		if m == nil {
			m = &module{path: of[p.ImportPath], folders: map[string]bool{}, uses: map[string]bool{}}
			all[m.path] = m
		}
		if p.Module != nil {
			m.version, m.dir = p.Module.Version, p.Module.Dir
			m.folders[p.Dir] = true
		}
		for _, imported := range p.Imports {
			if path := of[imported]; path != "" && path != m.path {
				m.uses[path] = true
			}
		}
	}
	return nil
}

// isReleased tells the module that is released from those that it uses.
func (m module) isReleased() bool { return m.version == "" && m.path != standard }

// searched gives the folders in which texts of the module that concern what is linked
// can be: those of the packages and all above, to the root of the module.
func (m module) searched() []string {
	folders := map[string]bool{m.dir: true}
	for folder := range m.folders {
		for below := folder; strings.HasPrefix(below, m.dir+string(filepath.Separator)); below = filepath.Dir(below) {
			folders[below] = true
		}
	}
	return slices.Sorted(maps.Keys(folders))
}
