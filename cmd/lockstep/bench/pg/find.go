package pg

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Installation is a PostgreSQL that can be started.
type Installation struct {
	Initdb, Postgres string // paths of the programs
	Version          string // as it says itself
}

// installed is where Debian and its relatives put PostgreSQL, out of PATH.
const installed = "/usr/lib/postgresql/*/bin"

// ErrNotFound means that there is no PostgreSQL on this machine.
var ErrNotFound = errors.New("there is no PostgreSQL on this machine: install it (initdb and postgres on PATH, or under /usr/lib/postgresql)")

// Find looks for PostgreSQL on PATH, then for the newest where distributions
// put it.
func Find() (Installation, error) {
	initdb, err := exec.LookPath("initdb")
	server, err2 := exec.LookPath("postgres")
	if err != nil || err2 != nil {
		dir := newest(installed)
		if dir == "" {
			return Installation{}, ErrNotFound
		}
		initdb, server = filepath.Join(dir, "initdb"), filepath.Join(dir, "postgres")
	}
	out, err := exec.Command(server, "--version").Output()
	if err != nil {
		return Installation{}, fmt.Errorf("ask %s for its version: %w", server, err)
	}
	return Installation{Initdb: initdb, Postgres: server, Version: strings.TrimSpace(string(out))}, nil
}

// newest gives the folder that both programs are in, of the highest version;
// "" if there is none.
func newest(pattern string) (found string) {
	dirs, _ := filepath.Glob(pattern) // it fails only if the pattern is malformed
	highest := -1
	for _, dir := range dirs {
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		if err == nil && version > highest && exists(filepath.Join(dir, "initdb")) && exists(filepath.Join(dir, "postgres")) {
			highest, found = version, dir
		}
	}
	return found
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
