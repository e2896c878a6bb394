package wal

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Names in a log directory, beside the segments.
const (
	lockName    = "LOCK"
	metaName    = "META"
	markName    = "MARK"
	reserveName = "RESERVE"

	brokenPrefix = "broken-"

	startSuffix = ".START" // copy made by an unfinished trim
	endSuffix   = ".END"   // likewise, of a kind that this package never starts
	tempSuffix  = ".TEMP"  // unfinished copy
)

// segment is one segment file, or the copy of one.
type segment struct {
	first uint64 // sequence of its first record, or of the next to come; from its name
	name  string
	bytes int64
}

// listing is what a log directory holds, as far as it concerns the log.
type listing struct {
	segments []segment // by first sequence
	starts   []segment
	ends     []segment
	temps    []string
	kept     []string // broken-…
}

func list(dir string) (listing, error) {
	var l listing
	entries, err := os.ReadDir(dir)
	if err != nil {
		return l, fmt.Errorf("list log directory: %w", err)
	}
	for _, e := range entries {
		if err := l.add(e); err != nil {
			return l, err
		}
	}
	slices.SortFunc(l.segments, func(a, b segment) int { return cmp.Compare(a.first, b.first) })
	return l, nil
}

func (l *listing) add(e os.DirEntry) error {
	name := e.Name()
	switch {
	case e.IsDir():
		return nil
	case isTemp(name):
		l.temps = append(l.temps, name)
		return nil
	case strings.HasPrefix(name, brokenPrefix):
		l.kept = append(l.kept, name)
		return nil
	}
	first, suffix, ok := parseSegmentName(name)
	if !ok {
		return nil
	}
	info, err := e.Info()
	if err != nil {
		return fmt.Errorf("list log directory: %w", err)
	}
	if !info.Mode().IsRegular() {
		return &DamageError{Segment: name, Seq: first, Reason: "not a plain file"}
	}
	s := segment{first: first, name: name, bytes: info.Size()}
	switch suffix {
	case "":
		l.segments = append(l.segments, s)
	case startSuffix:
		l.starts = append(l.starts, s)
	case endSuffix:
		l.ends = append(l.ends, s)
	}
	return nil
}

// holding returns the segment that holds the sequence, or would if it existed.
func (l listing) holding(seq uint64) segment {
	var found segment
	for _, s := range l.segments {
		if s.first <= seq {
			found = s
		}
	}
	return found
}

// isTemp reports whether the name is one that this package, or tidwall/wal on
// its behalf, gives to a copy before it is complete.
func isTemp(name string) bool {
	base, ok := strings.CutSuffix(name, tempSuffix)
	if !ok {
		return false
	}
	_, _, isSegment := parseSegmentName(base)
	return isSegment || base == metaName || base == markName || base == reserveName
}

// parseSegmentName splits a name into the sequence and what follows it. It
// accepts what tidwall/wal accepts: 20 digits, not all zero.
func parseSegmentName(name string) (first uint64, suffix string, ok bool) {
	if len(name) < 20 {
		return 0, "", false
	}
	first, err := strconv.ParseUint(name[:20], 10, 64)
	if err != nil || first == 0 {
		return 0, "", false
	}
	return first, name[20:], true
}

func segmentName(first uint64) string { return fmt.Sprintf("%020d", first) }

// replaceFile puts a file in place as a whole and durably: temporary file,
// sync, rename, sync of the directory.
func replaceFile(dir, name string, data []byte) error {
	temp := filepath.Join(dir, name+tempSuffix)
	if err := writeFile(temp, data); err != nil {
		os.Remove(temp) //nolint:errcheck // Open would remove it too
		return err
	}
	if err := os.Rename(temp, filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncPath(dir)
}

// writeFile writes a file of its own and forces it.
func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, filePerms)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // Sync tells what became of the data
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// syncPath forces a file or a directory.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
