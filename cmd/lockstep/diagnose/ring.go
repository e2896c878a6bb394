package diagnose

import (
	"bytes"
	"sync"
)

const (
	ringLines     = 4096
	ringBytes     = 1 << 20
	ringLineBytes = 8 << 10
)

// cutMark ends a line that was too long to be kept.
const cutMark = " … cut\n"

// Ring keeps the last lines of a log: as many as fit into its bytes and its lines.
// Each Write is one line. It is safe for concurrent use.
type Ring struct {
	mu    sync.Mutex
	lines [][]byte // the oldest first, from begin on
	begin int
	bytes int
}

// Write keeps a line. It never fails.
func (r *Ring) Write(p []byte) (int, error) {
	line := bytes.Clone(p[:min(len(p), ringLineBytes)])
	if len(line) < len(p) {
		line = append(line, cutMark...)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
	r.bytes += len(line)
	for r.bytes > ringBytes || len(r.lines)-r.begin > ringLines {
		r.bytes -= len(r.lines[r.begin])
		r.lines[r.begin] = nil
		r.begin++
	}
	if r.begin > ringLines {
		r.lines = append([][]byte(nil), r.lines[r.begin:]...)
		r.begin = 0
	}
	return len(p), nil
}

// Bytes copies the lines, the oldest first.
func (r *Ring) Bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Join(r.lines[r.begin:], nil)
}
