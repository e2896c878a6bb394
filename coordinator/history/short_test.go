package history

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A file that was cut is damaged, at whatever length: bbolt has errors of its
// own for some of them.
func TestShortFileIsDamaged(t *testing.T) {
	whole := t.TempDir()
	if err := Create(whole, Meta{Config: testConfig(3)}, Options{}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(whole, FileName))
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{1, 79, 80, 100, 4095, 4096, 5043, 8191} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, FileName), content[:length], 0o600); err != nil {
			t.Fatal(err)
		}
		_, open := Open(dir, Options{})
		_, readOnly := OpenReadOnly(dir)
		for _, err := range []error{open, readOnly} {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%d bytes: %v", length, err)
			}
		}
	}
}
