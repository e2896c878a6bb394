package proof

import (
	"errors"
	"strings"
	"testing"
)

func TestCompareHeld(t *testing.T) {
	told := newFixture(t).history
	other, beyond := told[1], told[1]
	other.Key, beyond.Height = "another block", 3
	whole, behind := Held{Name: "c1", History: told}, Held{Name: "c2", History: told[:1]}
	for _, test := range []struct {
		name     string
		all      []Held
		findings []string // what they begin with
	}{
		{"all have all", []Held{whole, whole, whole}, nil},
		{"one is behind", []Held{whole, whole, behind}, nil},
		{"the rest is in a log", []Held{whole, behind, {Name: "c3", History: told[:1], Logged: told[1:]}}, nil},
		{"not on a majority", []Held{whole, behind, behind}, []string{"height 2 is not on a majority"}},
		{"another decision in a log", []Held{whole, behind, {Name: "c3", History: told[:1], Logged: []Height{other}}}, []string{"height 2 is not on a majority"}},
		{"another decision", []Held{whole, whole, {Name: "c3", History: []Height{told[0], other}}}, []string{"height 2 in the history of c3"}},
		{"more than was told", []Held{whole, whole, {Name: "c3", History: append(told[:2:2], beyond)}}, []string{"the history of c3 goes beyond"}},
		{"damage", []Held{whole, whole, {Name: "c3", Damage: errors.New("bad checksum")}}, []string{"the history of c3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			coordinators, findings := CompareHeld(told, test.all)
			if len(findings) != len(test.findings) || len(coordinators) != len(test.all) {
				t.Fatalf("findings %v, want %q", findings, test.findings)
			}
			for i, f := range findings {
				if !strings.HasPrefix(f.What, test.findings[i]) {
					t.Errorf("finding %v, want %q", f, test.findings[i])
				}
			}
		})
	}
}
