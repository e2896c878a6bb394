//go:build !linux

package chaos

import "errors"

const leastFree = 48 << 20

// disks are small file systems, which there are on Linux only.
type disks struct{}

func mountDisks(string, ...string) (*disks, error) {
	return nil, errors.New("small disks are there on Linux only")
}

func (d *disks) data(string) string { return "" }
func (d *disks) unmount() error     { return nil }
func (d *disks) faults() []fault    { return nil }
