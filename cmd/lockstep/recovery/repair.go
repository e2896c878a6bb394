package recovery

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// Mend is one step of a repair.
type Mend struct {
	File string `json:"file"` // inside the directory
	What string `json:"what"`
	Kept string `json:"kept,omitempty"` // where the old content is kept
	Done bool   `json:"done"`

	remove bool // it is a leftover beside the log, to be removed here
}

// RepairPlan is what can be mended in a directory without losing anything that
// was acknowledged, and what cannot.
type RepairPlan struct {
	Path    string    `json:"path"`
	Mends   []Mend    `json:"mends"`
	Refused []Finding `json:"refused"` // damage that is left, each with its reason

	log []wal.Repair
}

// PlanRepair says what Carry would do. It changes nothing. What it plans is what
// a start does by itself; the rest is refused.
func PlanRepair(dir string, progress Progress) (*RepairPlan, error) {
	look, err := Inspect(dir, InspectOptions{Progress: progress})
	if err != nil {
		return nil, err
	}
	plan := &RepairPlan{Path: dir, Mends: []Mend{}, Refused: look.Findings}
	if there, err := exists(filepath.Join(dir, logDirectory)); err != nil || !there {
		return plan, err
	}
	assessment, err := wal.Assess(filepath.Join(dir, logDirectory))
	if err != nil && !IsDamage(err) {
		return nil, err
	}
	plan.log = assessment.Repairs
	for _, r := range assessment.Repairs {
		plan.Mends = append(plan.Mends, Mend{File: filepath.Join(logDirectory, r.File), What: r.String()})
	}
	return plan, plan.addLeftovers()
}

// addLeftovers finds what an interrupted creation left beside a database. As
// long as there is no database, it is a start's to clear away.
func (p *RepairPlan) addLeftovers() error {
	for _, name := range []string{state.FileName, history.FileName} {
		there, err := exists(filepath.Join(p.Path, name))
		if err != nil || !there {
			if err != nil {
				return err
			}
			continue
		}
		entries, err := os.ReadDir(p.Path)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), name+".new-") && e.Type().IsRegular() {
				p.Mends = append(p.Mends, Mend{File: e.Name(), What: "removed leftover: " + e.Name() + ": a creation that did not finish", remove: true})
			}
		}
	}
	return nil
}

// Carry carries out the plan. Every file that it removes or replaces is kept,
// under its name in a new folder of the directory. comment goes to the audit log.
func (p *RepairPlan) Carry(comment string) error {
	if len(p.Mends) == 0 {
		return nil
	}
	held, err := hold(p.Path)
	if err != nil {
		return err
	}
	defer held.release()
	act := Act{Verb: "repair", Comment: comment, Why: "nothing of it was acknowledged, and a start would do the same"}
	for _, m := range p.Mends {
		act.What += m.What + "; "
	}
	return audited(p.Path, act, p.carry)
}

func (p *RepairPlan) carry() error {
	kept, err := p.keep()
	if err != nil {
		return fmt.Errorf("nothing was mended, because what it changes cannot be kept: %w", err)
	}
	for i := range p.Mends {
		if m := &p.Mends[i]; m.remove {
			if err := os.Remove(filepath.Join(p.Path, m.File)); err != nil {
				return err
			}
			m.Done = true
		}
	}
	if err := p.mendLog(); err != nil {
		return err
	}
	return errors.Join(syncDirectory(kept), syncDirectory(p.Path))
}

// mendLog has the log mended, if what there is to mend is still the same.
func (p *RepairPlan) mendLog() error {
	if len(p.log) == 0 {
		return nil
	}
	path := filepath.Join(p.Path, logDirectory)
	now, err := wal.Assess(path)
	if err != nil {
		return err
	}
	if fmt.Sprint(now.Repairs) != fmt.Sprint(p.log) {
		return errors.New("the log has changed since it was looked at: look again")
	}
	if _, err := wal.Mend(path); err != nil {
		return err
	}
	for i := range p.Mends {
		p.Mends[i].Done = true
	}
	return nil
}

// keep gives every file that will be removed or replaced a second name in a new
// folder. It needs no space, and what is replaced is not written in place.
func (p *RepairPlan) keep() (folder string, err error) {
	name := "repair-" + time.Now().UTC().Format("20060102T150405.000000000Z")
	folder = filepath.Join(p.Path, name)
	if err := os.Mkdir(folder, 0o700); err != nil {
		return "", err
	}
	for i := range p.Mends {
		m := &p.Mends[i]
		if own, err := p.secondName(m); err != nil || own {
			if err != nil {
				return "", err
			}
			continue
		}
		to := filepath.Join(name, filepath.Base(m.File))
		if err := os.Link(filepath.Join(p.Path, m.File), filepath.Join(p.Path, to)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		} else if err == nil {
			m.Kept = to
		}
	}
	return folder, syncDirectory(folder)
}

// secondName reports whether a leftover is the database itself under another
// name, or a copy of a trim that takes its place in the log: neither loses
// anything, and both are written to afterwards.
func (p *RepairPlan) secondName(m *Mend) (bool, error) {
	if strings.HasSuffix(m.File, ".START") {
		return true, nil
	}
	if !m.remove {
		return false, nil
	}
	leftover, err := os.Stat(filepath.Join(p.Path, m.File))
	if err != nil {
		return false, err
	}
	for _, name := range []string{state.FileName, history.FileName} {
		if main, err := os.Stat(filepath.Join(p.Path, name)); err == nil && os.SameFile(leftover, main) {
			return true, nil
		}
	}
	return false, nil
}
