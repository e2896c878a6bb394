package raftsnap

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
)

const (
	suffix     = ".snapshot"
	tempSuffix = ".temp"
)

// name is the id of a snapshot, by which it is ordered too.
type name struct {
	index, term, number uint64
}

func (n name) String() string { return fmt.Sprintf("%020d-%020d-%06d", n.index, n.term, n.number) }

func (n name) file() string { return n.String() + suffix }

// parseName reads an id. It accepts nothing but what String gives.
func parseName(id string) (n name, ok bool) {
	if _, err := fmt.Sscanf(id, "%d-%d-%d", &n.index, &n.term, &n.number); err != nil {
		return n, false
	}
	return n, n.String() == id
}

func compareNames(a, b name) int {
	return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(a.term, b.term), cmp.Compare(a.number, b.number))
}

// names lists the snapshots in a directory, the newest first, and the leftovers
// of unfinished ones.
func names(dir string) (found []name, temps []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("list raft snapshots: %w", err)
	}
	for _, e := range entries {
		file := e.Name()
		if base, ok := strings.CutSuffix(file, suffix+tempSuffix); ok {
			if _, ok := parseName(base); ok {
				temps = append(temps, file)
			}
		}
		if base, ok := strings.CutSuffix(file, suffix); ok {
			if n, ok := parseName(base); ok {
				found = append(found, n)
			}
		}
	}
	slices.SortFunc(found, func(a, b name) int { return compareNames(b, a) })
	return found, temps, nil
}
