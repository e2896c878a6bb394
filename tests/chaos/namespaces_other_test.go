//go:build !linux

package chaos

import (
	"errors"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// namespaces are networks of their own, which there are on Linux only.
type namespaces struct{}

func newNamespaces(int) (*namespaces, error) {
	return nil, errors.New("network namespaces are there on Linux only")
}

func (n *namespaces) place(string) cluster.Place { return cluster.Place{} }
func (n *namespaces) faults() []fault            { return nil }
func (n *namespaces) coordinatorFaults() []fault { return nil }
func (n *namespaces) close()                     {}
func (n *namespaces) tell(*testing.T)            {}
