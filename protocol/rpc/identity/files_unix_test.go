//go:build unix

package identity_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity/identitytest"
)

// To open a pipe that nobody writes to takes for ever.
func TestAPipeInPlaceOfACertificate(t *testing.T) {
	c := identitytest.New(t)
	dir := c.Directory(identity.Coordinator, "c1")
	server := identitytest.Open(t, dir, identity.Options{})
	path := filepath.Join(dir, identity.CertificateFile)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := server.Reload(); err == nil || !strings.Contains(err.Error(), "is no regular file") || server.Rejected() != err.Error() {
		t.Errorf("reload: %v, rejected: %s", err, server.Rejected())
	}
}
