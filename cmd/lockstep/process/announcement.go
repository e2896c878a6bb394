package process

import (
	"bytes"
	"strings"
)

// announcement takes the standard output of a daemon, whose first line says
// where it serves. One goroutine writes to it.
type announcement struct {
	made      chan struct{} // closed when the line has come
	api, http string        // to be read after that
	line      []byte
}

func newAnnouncement() *announcement { return &announcement{made: make(chan struct{})} }

// mostLine bounds what is kept of a line that does not end.
const mostLine = 4096

// Write implements io.Writer. What comes after the line is dropped.
func (a *announcement) Write(b []byte) (int, error) {
	select {
	case <-a.made:
		return len(b), nil
	default:
	}
	a.line = append(a.line, b[:min(len(b), mostLine)]...)
	for {
		end := bytes.IndexByte(a.line, '\n')
		if end < 0 {
			a.line = a.line[:min(len(a.line), mostLine)]
			return len(b), nil
		}
		if a.parse(strings.Fields(string(a.line[:end]))) {
			close(a.made)
			return len(b), nil
		}
		a.line = a.line[end+1:]
	}
}

// parse reads "listening HOST:PORT" with an optional "http HOST:PORT".
func (a *announcement) parse(words []string) bool {
	if len(words) < 2 || words[0] != "listening" {
		return false
	}
	a.api = words[1]
	if len(words) >= 4 && words[2] == "http" {
		a.http = words[3]
	}
	return true
}
