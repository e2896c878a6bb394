// Package certset makes the identities of a whole cluster on the spot, for demo and
// bench. A nil Set stands for plaintext.
package certset

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// lasting is how long a set is good: longer than any run.
const lasting = 30 * 24 * time.Hour

// Set is an authority, and who it has vouched for.
type Set struct {
	directory string
	authority *identity.Authority
	files     identity.Issued
	client    *identity.Identity
}

// New makes a set for a new cluster in a folder, which is made if it does not exist.
func New(directory string) (*Set, error) {
	s := &Set{directory: directory}
	var err error
	if s.authority, s.files, err = identity.NewAuthority("local", time.Now(), 2*lasting); err != nil {
		return nil, err
	}
	dir, err := s.folder(identity.Client, "load")
	if err != nil {
		return nil, err
	}
	s.client, err = identity.Open(dir, identity.Options{})
	return s, err
}

// folder gives the folder of an identity, which is made when it is asked for first.
func (s *Set) folder(role identity.Role, id string) (string, error) {
	dir := filepath.Join(s.directory, string(role)+"-"+id)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	cluster, err := s.authority.Cluster()
	if err != nil {
		return "", err
	}
	now := time.Now()
	issued, err := s.authority.Issue(identity.Name{Cluster: cluster, Role: role, ID: id}, []string{"localhost", "127.0.0.1"}, now, now.Add(lasting))
	if err != nil {
		return "", err
	}
	return dir, identity.WriteFiles(dir, issued.Files(s.files.Certificate)...)
}

// Flags are those of a daemon with an identity of its own; none in plaintext.
func (s *Set) Flags(role identity.Role, id string) ([]string, error) {
	if s == nil {
		return nil, nil
	}
	dir, err := s.folder(role, id)
	return []string{"--tls", dir}, err
}

// Client is who uses the cluster.
func (s *Set) Client() *identity.Identity {
	if s == nil {
		return nil
	}
	return s.client
}

// URL is where a page of a daemon is.
func (s *Set) URL(address, path string) string {
	if s == nil {
		return "http://" + address + path
	}
	return "https://" + address + path
}

// Transport makes requests to daemons. Unless told otherwise it keeps no connections,
// since daemons come and go.
func (s *Set) Transport() *http.Transport {
	var config *tls.Config
	if s != nil {
		config = s.client.HTTPClientConfig("", "")
	}
	return &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}
}
