package monitoring

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// dashboard is as much of Grafana's format as is looked at.
type dashboard struct {
	Title, UID    string
	SchemaVersion int
	Templating    struct{ List []variable }
	Annotations   struct{ List []struct{ Name, Expr string } }
	Panels        []panel
}

type variable struct {
	Name, Type string
	Query      json.RawMessage
	Datasource *source
	Definition string
}

type source struct{ Type, UID string }

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Datasource               *source
	Targets                  []struct {
		RefID, Expr string
		Datasource  *source
	}
	FieldConfig struct{ Defaults struct{ Unit string } }
}

func board(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, packaging+"grafana/lockstep.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// fill puts values where Grafana does, so that what is left is PromQL.
func fill(expr string) string {
	return strings.NewReplacer("$__rate_interval", "1m", "$job", ".+", "$instance", ".+").Replace(expr)
}

var chosen = source{Type: "prometheus", UID: "${datasource}"}

func TestDashboardAsksForMetricsThatExist(t *testing.T) {
	d, exist := board(t), known(t)
	exprs := map[string]string{}
	for _, a := range d.Annotations.List {
		exprs["annotation "+a.Name] = a.Expr
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			exprs[p.Title+" "+target.RefID] = target.Expr
		}
	}
	for where, expr := range exprs {
		unknown, err := strange(exist, fill(expr))
		if err != nil || len(unknown) > 0 {
			t.Errorf("%s: %v do not exist (error %v)", where, unknown, err)
		}
		if strings.Contains(expr, "lockstep_") && !strings.Contains(expr, `job=~"$job",instance=~"$instance"`) {
			t.Errorf("%s does not heed the variables: %s", where, expr)
		}
	}
}

func TestPanelsAreWhole(t *testing.T) {
	ids := map[int]bool{}
	for _, p := range board(t).Panels {
		if ids[p.ID] || p.ID == 0 || p.Title == "" {
			t.Errorf("panel %d, %q: the number is there twice, or there is no title", p.ID, p.Title)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("%q has no description, no unit, or nothing to show", p.Title)
		}
		if p.Datasource == nil || *p.Datasource != chosen {
			t.Errorf("%q takes its data from %v, want the variable", p.Title, p.Datasource)
		}
		var refs []string
		for _, target := range p.Targets {
			if target.Datasource == nil || *target.Datasource != chosen || slices.Contains(refs, target.RefID) {
				t.Errorf("%q, query %s: wrong source, or there twice", p.Title, target.RefID)
			}
			refs = append(refs, target.RefID)
		}
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	taken := map[[2]int]string{}
	for _, p := range board(t).Panels {
		at := p.GridPos
		if at.W < 1 || at.H < 1 || at.X < 0 || at.X+at.W > 24 {
			t.Errorf("%q is at %+v, beside the grid", p.Title, at)
			continue
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%q covers %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

func TestVariables(t *testing.T) {
	d := board(t)
	if d.Title == "" || d.UID == "" || d.SchemaVersion < 36 {
		t.Errorf("title %q, uid %q, schema version %d", d.Title, d.UID, d.SchemaVersion)
	}
	want := map[string]string{"datasource": "datasource", "job": "query", "instance": "query"}
	for _, v := range d.Templating.List {
		if want[v.Name] != v.Type {
			t.Errorf("variable %s is a %s, want %q", v.Name, v.Type, want[v.Name])
		}
		delete(want, v.Name)
		if v.Type != "query" {
			continue
		}
		metric, _, _ := strings.Cut(strings.TrimPrefix(v.Definition, "label_values("), ",")
		if unknown, err := strange(known(t), fill(metric)); err != nil || len(unknown) > 0 || *v.Datasource != chosen {
			t.Errorf("variable %s asks %v for %s (unknown %v, error %v)", v.Name, v.Datasource, v.Definition, unknown, err)
		}
	}
	if len(want) > 0 {
		t.Errorf("variables %v are missing", want)
	}
}
