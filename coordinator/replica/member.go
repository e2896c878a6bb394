package replica

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/protocol"
)

// MemberFile names the file in the data directory that says whose it is. Its
// presence tells a directory of this layout from older ones.
const MemberFile = "member.json"

// layout is the version of the data directory.
const layout = 2

// membership is what the file says.
type membership struct {
	Layout    int    `json:"layout"`
	Name      string `json:"name"`
	Directory string `json:"directory"` // hexadecimal
}

// readMember gives whose a data directory is; ok is false if nothing says it.
func readMember(dir string) (name string, id protocol.DirectoryID, ok bool, err error) {
	path := filepath.Join(dir, MemberFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", id, false, nil
	}
	if err != nil {
		return "", id, false, err
	}
	var m membership
	if err := json.Unmarshal(b, &m); err != nil {
		return "", id, false, fmt.Errorf("%w: %s cannot be read (%w): bring it back, or replace this coordinator by an empty one under a new name", ErrMismatch, path, err)
	}
	raw, err := hex.DecodeString(m.Directory)
	if m.Layout != layout || err != nil || len(raw) != len(id) || m.Name == "" {
		return "", id, false, fmt.Errorf("%w: %s has layout %d, this release knows layout %d", ErrMismatch, path, m.Layout, layout)
	}
	copy(id[:], raw)
	return m.Name, id, true, nil
}

// createMember makes a data directory that of a member, with a new id.
func createMember(dir, name string) (id protocol.DirectoryID, err error) {
	rand.Read(id[:]) // never fails: it ends the process if the system has no randomness
	b, err := json.Marshal(membership{Layout: layout, Name: name, Directory: hex.EncodeToString(id[:])})
	if err != nil {
		return id, err
	}
	return id, writeFile(filepath.Join(dir, MemberFile), append(b, '\n'))
}

// writeFile makes a file durable as a whole or not at all.
func writeFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // fails once it has its name
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
