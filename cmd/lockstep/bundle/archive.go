package bundle

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// mostBytes bounds what all daemons tell together, before it is packed.
const mostBytes = 1 << 30

var errFull = errors.New("the bundle is full")

// archive is a .tar.gz that is written. It is safe for concurrent use.
type archive struct {
	mu     sync.Mutex
	zip    *gzip.Writer
	tar    *tar.Writer
	made   time.Time
	bytes  int
	failed error // of writing; the rest is not tried
}

func newArchive(w io.Writer, made time.Time) *archive {
	zip := gzip.NewWriter(w)
	return &archive{zip: zip, tar: tar.NewWriter(zip), made: made}
}

// addPart writes a file. errFull says that it has no room; any other error is one
// of writing.
func (a *archive) addPart(name string, content []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bytes+len(content) > mostBytes {
		return fmt.Errorf("%w: it has %d bytes", errFull, a.bytes)
	}
	a.bytes += len(content)
	return a.addLocked(name, content)
}

// add writes a file for which there always is room, such as the manifest.
func (a *archive) add(name string, content []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.addLocked(name, content)
}

func (a *archive) addLocked(name string, content []byte) error {
	if a.failed != nil {
		return a.failed
	}
	err := a.tar.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o600, ModTime: a.made})
	if err == nil {
		_, err = a.tar.Write(content)
	}
	if err != nil {
		a.failed = fmt.Errorf("write the bundle: %w", err)
	}
	return a.failed
}

// addJSON writes a value for people and programs.
func (a *archive) addJSON(name string, value any) error {
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return a.add(name, append(content, '\n'))
}

// close writes what is left.
func (a *archive) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed != nil {
		return a.failed
	}
	if err := errors.Join(a.tar.Close(), a.zip.Close()); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	return nil
}
