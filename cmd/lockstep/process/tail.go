package process

import (
	"bytes"
	"io"
	"os"
	"strings"
)

const (
	tailBytes = 8 << 10
	tailLines = 8
)

// Tail gives the last lines of the log.
func (p *Process) Tail() []string {
	f, err := os.Open(p.Log)
	if err != nil {
		return nil
	}
	defer f.Close()
	_, _ = f.Seek(-tailBytes, io.SeekEnd) // fails if it is shorter, and all of it is read
	end, err := io.ReadAll(io.LimitReader(f, tailBytes))
	if err != nil || len(bytes.TrimSpace(end)) == 0 {
		return nil
	}
	lines := strings.Split(string(bytes.TrimSpace(end)), "\n")
	return lines[max(len(lines)-tailLines, 0):]
}
