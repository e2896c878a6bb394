package attack

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/certset"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/proof"
	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const (
	coordinators = 3
	shards       = 4
	// calm is how long the clients are measured before the attack.
	calm = time.Second
)

// TestAttack attacks a cluster in plaintext, and one with TLS.
func TestAttack(t *testing.T) {
	if testing.Short() {
		t.Skip("too heavy for -short")
	}
	for _, tls := range []bool{false, true} {
		if tlsFlag == nil || *tlsFlag == tls {
			t.Run(fmt.Sprintf("TLS=%t", tls), func(t *testing.T) { attack(t, tls) })
		}
	}
}

// siege is one run.
type siege struct {
	*cluster.Cluster
	t          *testing.T
	seed       uint64
	identities *certset.Set // of the cluster; nil for plaintext
	faces      []face       // who attackers may be
	blocks     proof.Blocks // everything that was submitted, also by attackers
	load       *load
	overheard  []overheard
	watches    []*watch
	wrong      chan error // has the first thing that must not happen
}

// attack runs a cluster under attack and proves what is left.
func attack(t *testing.T, tls bool) {
	s := begin(t, tls)
	s.overhear()
	resting := s.resting()
	s.load.begin()
	before := s.load.measure(calm)
	s.watchNodes()
	crowd := s.unleash()
	during := s.load.measure(*durationFlag)
	crowd.leave()
	s.load.end()
	s.report(crowd, before, during)
	s.wantProgress(during)
	s.wantWatched(during)
	s.wantRefusals()
	s.wantRest(resting)
	s.AwaitReady()
	s.prove()
}

func begin(t *testing.T, tls bool) *siege {
	t.Helper()
	s := &siege{t: t, seed: seed(t), wrong: make(chan error, 1)}
	if tls {
		var err error
		if s.identities, err = certset.New(filepath.Join(t.TempDir(), "identities")); err != nil {
			t.Fatal(err)
		}
	}
	s.faces = facesOf(t, s.identities)
	var err error
	if s.blocks, err = proof.OpenBlocks(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	s.Cluster = cluster.New(t, cluster.Options{Binary: lockstep, Shards: shards, Coordinators: coordinators, Identities: s.identities})
	s.record()
	s.StartAll()
	s.AwaitReady()
	s.load = newLoad(s)
	return s
}

// accuse notes what must not happen.
func (s *siege) accuse(err error) {
	select {
	case s.wrong <- err:
	default:
	}
}
