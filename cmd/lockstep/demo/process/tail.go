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

// LogTail is the end of the log, to be put behind a sentence; "" if there is
// nothing in it.
func (p *Process) LogTail() string {
	f, err := os.Open(p.Log)
	if err != nil {
		return ""
	}
	defer f.Close()
	if _, err := f.Seek(-tailBytes, io.SeekEnd); err != nil {
		f.Seek(0, io.SeekStart) // it is shorter
	}
	end, err := io.ReadAll(io.LimitReader(f, tailBytes))
	lines := strings.Split(string(bytes.TrimSpace(end)), "\n")
	if err != nil || lines[0] == "" {
		return ""
	}
	lines = lines[max(len(lines)-tailLines, 0):]
	return "; its log, " + p.Log + ", ends:\n  " + strings.Join(lines, "\n  ")
}
