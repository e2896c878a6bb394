package cluster

import (
	"bytes"
	"io"
	"sync"
)

// tape keeps what connections send. The zero value keeps nothing.
type tape struct {
	mu          sync.Mutex
	connections int // how many more are kept
	bytes       int // of each
	kept        []*track
}

// track is one connection. Its tape guards it.
type track struct {
	tape *tape
	most int // bytes
	sent []byte
}

func (t *tape) record(connections, bytes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.connections, t.bytes = connections, bytes
}

// listen begins a connection, and gives what is to be told of all that it sends.
func (t *tape) listen() io.Writer {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.connections == 0 {
		return io.Discard
	}
	t.connections--
	made := &track{tape: t, most: t.bytes}
	t.kept = append(t.kept, made)
	return made
}

// Write implements io.Writer. It takes all, and keeps what there is room for.
func (t *track) Write(b []byte) (int, error) {
	t.tape.mu.Lock()
	defer t.tape.mu.Unlock()
	t.sent = append(t.sent, b[:min(len(b), t.most-len(t.sent))]...)
	return len(b), nil
}

func (t *tape) recorded() [][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all [][]byte
	for _, track := range t.kept {
		all = append(all, bytes.Clone(track.sent))
	}
	return all
}
