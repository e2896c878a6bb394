package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File is one that WriteFiles makes.
type File struct {
	Name    string
	Content []byte
}

// Files are those of an identity, for Open.
func (i Issued) Files(authority []byte) []File {
	return []File{{AuthorityFile, authority}, {KeyFile, i.Key}, {CertificateFile, i.Certificate}}
}

// WriteFiles writes files that only their owner can read into a folder, which is made if
// it does not exist. It never overwrites one: if any is there, nothing is written.
func WriteFiles(directory string, files ...File) error {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	for _, f := range files {
		switch _, err := os.Lstat(filepath.Join(directory, f.Name)); {
		case err == nil:
			return fmt.Errorf("%s is there already: give another folder, or remove it", filepath.Join(directory, f.Name))
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	for _, f := range files {
		if err := writeNew(filepath.Join(directory, f.Name), f.Content); err != nil {
			return err
		}
	}
	return nil
}

func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}
