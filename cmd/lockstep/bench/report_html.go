package bench

import (
	_ "embed"
	"html/template"
	"io"
	"maps"
	"slices"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"count":   func(n int) string { return report.Count(n) },
	"tps":     func(v float64) string { return report.Count(int(v)) },
	"ms":      ms,
	"micros":  micros,
	"ratio":   func(v float64) string { return ratio(&v) },
	"orDash":  ratio,
	"size":    size,
	"per":     bytesPer,
	"percent": func(v float64) int { return int(100*v + 0.5) },
	"written": func(v *int64) string {
		if v == nil {
			return "-"
		}
		return size(*v)
	},
}).Parse(pageText))

// pageData is what the page shows.
type pageData struct {
	Report
	Names                    []string // of the comparisons
	Settings, Machine, Check string
	RestartText, AwayText    string // "" if not measured
	Pace, CPU, Memory        chart
	Latencies, Bars          bars
}

// WriteHTML writes a page that needs nothing else: no script, no network.
func WriteHTML(w io.Writer, r Report) error {
	data := pageData{
		Report: r, Names: slices.Sorted(maps.Keys(r.Compare)),
		Settings: r.Settings.sentence(), Machine: machineSentence(r.Machine), Check: r.Checks.sentence(),
		Pace: paceChart(r), CPU: cpuChart(r), Memory: memoryChart(r), Latencies: latencyBars(r), Bars: comparisonBars(r),
	}
	if r.Restart != nil {
		data.RestartText = r.Restart.sentence()
	}
	if r.Away != nil {
		data.AwayText = r.Away.sentence()
	}
	return page.Execute(w, data)
}
