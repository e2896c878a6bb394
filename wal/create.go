package wal

import (
	"crypto/rand"
	"os"
)

// create makes an empty log. META comes last: a crash before it leaves a
// directory that is still taken for new.
func create(p *plan) (*plan, error) {
	for _, name := range p.drop {
		if err := os.Remove(p.path(name)); err != nil {
			return nil, err
		}
	}
	var id ID
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	if err := writeFile(p.path(segmentName(1)), nil); err != nil {
		return nil, err
	}
	if err := createRegister(p.dir, markName, markKind, slot{id: id}); err != nil {
		return nil, err
	}
	if err := createRegister(p.dir, metaName, metaKind, slot{id: id, value: 1}); err != nil {
		return nil, err
	}
	return examine(p.dir)
}
