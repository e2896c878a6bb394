package proof

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
)

// Coordinator is what was found of one coordinator.
type Coordinator struct {
	Name   string `json:"name"`   // of its directory
	Height uint64 `json:"height"` // of its history
	Logged uint64 `json:"logged"` // heights beyond that are in its log
	Same   bool   `json:"same"`   // no difference was found
}

// Held is what the directory of a stopped coordinator holds as decided.
type Held struct {
	Name string
	// History is from height 1. Damage to it is a difference.
	History []Height
	Damage  error
	// Logged are the heights behind that the log alone holds. Those that only this
	// coordinator has need not be decided.
	Logged []Height
}

// ReadHeld reads the directory of a stopped coordinator.
func ReadHeld(dir string) (h Held, err error) {
	h.Name = filepath.Base(dir)
	o, err := replica.ReadOffline(dir)
	if err != nil {
		return h, fmt.Errorf("read %s: %w", h.Name, err)
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	for _, d := range o.Newest.Recent {
		h.Logged = append(h.Logged, heightOf(d))
	}
	if o.History == nil {
		return h, nil
	}
	for at := protocol.Height(1); at <= o.History.Height(); at++ {
		d, _, err := o.History.ByHeight(at)
		var damage *history.DamageError
		if errors.As(err, &damage) {
			h.Damage = err
			return h, nil
		}
		if err != nil {
			return h, fmt.Errorf("read the history of %s: %w", h.Name, err)
		}
		h.History = append(h.History, heightOf(d))
	}
	return h, nil
}

// CompareHeld compares what all coordinators hold with what was told: no history
// may differ, and a majority must hold every height, in its history or its log.
func CompareHeld(told []Height, all []Held) (coordinators []Coordinator, findings []Finding) {
	holders := make([]int, len(told))
	for _, held := range all {
		c, found := held.compare(told, holders)
		coordinators, findings = append(coordinators, c), append(findings, found...)
	}
	for i, n := range holders {
		if majority := len(all)/2 + 1; len(all) > 0 && n < majority {
			findings = append(findings, Finding{
				Shard: cluster, What: fmt.Sprintf("height %d is not on a majority of the coordinators", told[i].Height), Expected: fmt.Sprint(majority), Actual: fmt.Sprint(n),
			})
		}
	}
	return coordinators, findings
}

// compare compares one coordinator, and counts the heights that it holds.
func (h Held) compare(told []Height, holders []int) (c Coordinator, findings []Finding) {
	c = Coordinator{Name: h.Name, Height: uint64(len(h.History)), Logged: uint64(len(h.Logged)), Same: true}
	differs := func(what string, expected, actual any) {
		c.Same = false
		findings = append(findings, Finding{Shard: cluster, What: what, Expected: fmt.Sprint(expected), Actual: fmt.Sprint(actual)})
	}
	if h.Damage != nil {
		differs("the history of "+h.Name, "no damage", h.Damage)
	}
	if len(h.History) > len(told) {
		differs("the history of "+h.Name+" goes beyond the last height", len(told), len(h.History))
	}
	for i, is := range h.History[:min(len(h.History), len(told))] {
		if !reflect.DeepEqual(is, told[i]) {
			differs(fmt.Sprintf("height %d in the history of %s", told[i].Height, h.Name), fmt.Sprintf("%+v", told[i]), fmt.Sprintf("%+v", is))
			continue
		}
		holders[i]++
	}
	for _, is := range h.Logged {
		if i := int(is.Height) - 1; i >= len(h.History) && i < len(told) && reflect.DeepEqual(is, told[i]) {
			holders[i]++
		}
	}
	return c, findings
}

// coordinators compares the directories of coordinators with what was told.
func (c *check) coordinators(dirs []string) error {
	var all []Held
	for _, dir := range dirs {
		h, err := ReadHeld(dir)
		if err != nil {
			return err
		}
		all = append(all, h)
	}
	var findings []Finding
	c.report.Coordinators, findings = CompareHeld(c.history, all)
	for _, f := range findings {
		c.add(f)
	}
	return nil
}

// heightOf takes a decision as a coordinator keeps it.
func heightOf(d *protocol.Decision) Height {
	h := Height{
		Height: uint64(d.Height()), Key: d.Key, Block: hex.EncodeToString(d.Block[:]), Root: hex.EncodeToString(d.Root[:]), Outcomes: map[string]uint64{},
	}
	for name, n := range d.Outcomes.Counts() {
		h.Outcomes[name] = uint64(n)
	}
	for _, digest := range d.Digests {
		h.Digests = append(h.Digests, hex.EncodeToString(digest[:]))
	}
	return h
}
