package certset

import (
	"path/filepath"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

func TestASetIsUsable(t *testing.T) {
	s, err := New(filepath.Join(t.TempDir(), "tls"))
	if err != nil {
		t.Fatal(err)
	}
	if name := s.Client().Name(); name.Role != identity.Client {
		t.Errorf("the client is %s", name)
	}
	first, err := s.Flags(identity.Shard, "3")
	if err != nil || len(first) != 2 || first[0] != "--tls" {
		t.Fatalf("flags %q, %v", first, err)
	}
	i, err := identity.Open(first[1], identity.Options{})
	if err != nil || i.Must(identity.Shard, "3") != nil || i.Must(identity.Shard, "4") == nil {
		t.Errorf("%v, %v", i.Name(), err)
	}
	if again, err := s.Flags(identity.Shard, "3"); err != nil || again[1] != first[1] {
		t.Errorf("a daemon that is started again has %q, %v", again, err)
	}
}

func TestNoSetIsPlaintext(t *testing.T) {
	var s *Set
	if flags, err := s.Flags(identity.Shard, "3"); err != nil || flags != nil || s.Client() != nil || s.URL("a:1", "/x") != "http://a:1/x" {
		t.Errorf("%q, %v", flags, err)
	}
}
