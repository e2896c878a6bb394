package monitoring

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
)

const runbookURL = "https://github.com/lockstep-exec/lockstep/blob/main/docs/failures.md#"

// alerts gives the rules, by name.
func alerts(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile(packaging+"prometheus/alerts.yml", false, model.UTF8Validation, promqlParser, slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Fatal(err)
	}
	rules := map[string]rulefmt.Rule{}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			if _, twice := rules[r.Alert]; twice || r.Alert == "" {
				t.Errorf("group %s: alert %q is there twice, or has no name", g.Name, r.Alert)
			}
			rules[r.Alert] = r
		}
	}
	return rules
}

func TestAlertsAskForMetricsThatExist(t *testing.T) {
	exist := known(t)
	for name, rule := range alerts(t) {
		unknown, err := strange(exist, rule.Expr)
		if err != nil || len(unknown) > 0 {
			t.Errorf("%s: %v do not exist (error %v)", name, unknown, err)
		}
	}
}

func TestAlertsSayWhatToDo(t *testing.T) {
	headings := anchors(t)
	for name, rule := range alerts(t) {
		if s := rule.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", name, s)
		}
		for _, what := range []string{"summary", "description"} {
			if rule.Annotations[what] == "" {
				t.Errorf("%s has no %s", name, what)
			}
		}
		if d := rule.Annotations["description"]; !strings.HasSuffix(d, ".") || strings.Contains(d, ". ") {
			t.Errorf("%s: the description is not one sentence: %s", name, d)
		}
		at, ours := strings.CutPrefix(rule.Annotations["runbook_url"], runbookURL)
		if !ours || !headings[at] {
			t.Errorf("%s: the runbook %q is no heading of %s", name, rule.Annotations["runbook_url"], runbook)
		}
	}
}

// TestAlertsAreTested: promtool runs alerts_test.yml, which must look at each.
func TestAlertsAreTested(t *testing.T) {
	tests := read(t, packaging+"prometheus/alerts_test.yml")
	for name := range alerts(t) {
		if !strings.Contains(tests, `alertname="`+name+`"`) {
			t.Errorf("alerts_test.yml has no test in which %s fires", name)
		}
	}
}
