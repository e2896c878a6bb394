package main

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// target is one fuzz test.
type target struct {
	dir  string // of its package, below the root of the module, with slashes
	name string
	// mutable: the mutator can run it too.
	mutable bool
}

func (t target) String() string { return t.dir + "." + t.name }

var fuzzTest = regexp.MustCompile(`(?m)^func (Fuzz\w*)\((\w+) \*testing\.F\) \{\n(.*)\n`)

// find reads the targets off the sources below the working directory, which is the
// root of the module.
func find(only *regexp.Regexp) (list []target, err error) {
	err = filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, m := range fuzzTest.FindAllStringSubmatch(string(source), -1) {
			t := target{dir: filepath.ToSlash(filepath.Dir(name)), name: m[1], mutable: strings.Contains(m[3], "New("+m[2]+")")}
			if only.MatchString(t.String()) {
				list = append(list, t)
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b target) int { return cmp.Compare(a.String(), b.String()) })
	return list, err
}

// leastFirst sorts targets by the time that they had in the runs that are recorded, so
// that a campaign goes on where the last one ended.
func leastFirst(targets []target, name string) error {
	list, err := records(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	seconds := map[string]float64{}
	for _, r := range list {
		seconds[r.target] += r.seconds
	}
	slices.SortStableFunc(targets, func(a, b target) int { return cmp.Compare(seconds[a.String()], seconds[b.String()]) })
	return nil
}
