package wal

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// keptCopies bounds the broken- files in a log directory. Beyond it the oldest
// goes: each holds only what Open could prove to be without value, and a crash
// loop must not fill the disk with them.
const keptCopies = 16

// mend carries out the plan. Every step may be interrupted: examine finds the
// same log afterwards, and the steps that remain.
func (p *plan) mend() ([]Repair, error) {
	repairs := p.repairs()
	if len(repairs) == 0 {
		return nil, nil
	}
	kept, err := newKeeper(p.dir)
	if err != nil {
		return nil, err
	}
	if err := p.finishTrim(); err != nil {
		return nil, err
	}
	for i := range repairs {
		if err := p.mendOne(&repairs[i], kept); err != nil {
			return nil, fmt.Errorf("mend (%s): %w", repairs[i].Kind, err)
		}
	}
	if err := kept.prune(); err != nil {
		return nil, err
	}
	if err := syncPath(p.dir); err != nil {
		return nil, fmt.Errorf("sync log directory: %w", err)
	}
	return repairs, nil
}

// finishTrim gives the copy that a trim made its final name, and only then
// lets the files go that it replaces.
func (p *plan) finishTrim() error {
	if p.adopt == "" {
		return nil
	}
	first := &p.chain.files[0]
	final := segmentName(first.first)
	if err := os.Rename(p.path(p.adopt), p.path(final)); err != nil {
		return fmt.Errorf("finish trim: %w", err)
	}
	first.name = final
	return syncPath(p.dir)
}

func (p *plan) mendOne(r *Repair, k *keeper) (err error) {
	switch r.Kind {
	case FinishedTrim, RemovedLeftover:
		if r.File == p.adopt {
			return nil // done by finishTrim
		}
		return os.Remove(p.path(r.File))
	case SetAside:
		if r.Kept, err = k.link(r.File); err != nil {
			return err
		}
		return os.Remove(p.path(r.File))
	case CutTail:
		r.Kept, err = p.cutTail(k)
		return err
	case RenewedMark:
		return createRegister(p.dir, markName, markKind, slot{id: p.id, value: p.mark.value})
	}
	panic("wal: unknown repair " + r.Kind)
}

// cutTail replaces the last segment by its sound part. The old file stays
// under another name, which is a second link to it: so there is no moment
// without a segment, and no copy of an earlier repair is overwritten.
func (p *plan) cutTail(k *keeper) (kept string, err error) {
	tail := &p.chain.files[len(p.chain.files)-1]
	data, err := readSegment(p.path(tail.name), nil)
	if err != nil {
		return "", err
	}
	if int64(len(data)) < p.chain.cut.offset {
		return "", fmt.Errorf("segment %s shrank meanwhile", tail.name)
	}
	if kept, err = k.link(tail.name); err != nil {
		return "", err
	}
	if err := replaceFile(p.dir, tail.name, data[:p.chain.cut.offset]); err != nil {
		os.Remove(p.path(kept)) //nolint:errcheck // else each attempt on a full disk leaves one; if it stays, it is a link to what is there
		return "", err
	}
	tail.bytes = p.chain.cut.offset
	return kept, nil
}

func (p *plan) path(name string) string { return filepath.Join(p.dir, name) }

// keeper names the files that mending keeps: broken-SEGMENT-N, where N counts
// up through the life of the directory.
type keeper struct {
	dir  string
	next int
	all  []keptFile
}

type keptFile struct {
	number int
	name   string
}

func newKeeper(dir string) (*keeper, error) {
	l, err := list(dir)
	if err != nil {
		return nil, err
	}
	k := &keeper{dir: dir, next: 1}
	for _, name := range l.kept {
		n, err := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
		if err != nil || n < 1 {
			continue // not a name of ours: it stays
		}
		k.all = append(k.all, keptFile{n, name})
		k.next = max(k.next, n+1)
	}
	return k, nil
}

// link gives the file a second name, to be kept.
func (k *keeper) link(name string) (string, error) {
	kept := fmt.Sprintf("%s%s-%d", brokenPrefix, name, k.next)
	if err := os.Link(filepath.Join(k.dir, name), filepath.Join(k.dir, kept)); err != nil {
		return "", fmt.Errorf("keep old file: %w", err)
	}
	k.all = append(k.all, keptFile{k.next, kept})
	k.next++
	return kept, nil
}

// prune removes the oldest copies beyond keptCopies.
func (k *keeper) prune() error {
	slices.SortFunc(k.all, func(a, b keptFile) int { return cmp.Compare(a.number, b.number) })
	for len(k.all) > keptCopies {
		if err := os.Remove(filepath.Join(k.dir, k.all[0].name)); err != nil {
			return fmt.Errorf("remove oldest kept file: %w", err)
		}
		k.all = k.all[1:]
	}
	return nil
}
