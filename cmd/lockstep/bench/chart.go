package bench

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// Size of a chart and of its plot, in units of the drawing. The page draws its
// rules and labels by the same numbers.
const (
	chartWidth, chartHeight = 640.0, 240.0
	plotLeft, plotTop       = 76.0, 12.0
	plotRight, plotBottom   = chartWidth - 12, chartHeight - 28
)

// chart is lines over time.
type chart struct {
	Lines  []line
	Ticks  []tickLine // of the vertical axis
	Start  string     // labels of the ends of the horizontal axis
	Finish string
}

// line is one series. Color is its number in the style of the page.
type line struct {
	Name  string
	Path  string // of SVG
	Color int
}

// tickLine is a line across the plot with its label.
type tickLine struct {
	Y     float64
	Label string
}

// dot is a value at a time, in seconds.
type dot struct{ at, value float64 }

// colors of the page.
const colors = 8

// newChart draws series of one scale from 0 up. It is empty if there are fewer
// than two dots.
func newChart(names []string, series [][]dot, label func(float64) string) (c chart) {
	last, most, longest := 0.0, 0.0, 0
	for _, dots := range series {
		longest = max(longest, len(dots))
		for _, d := range dots {
			last, most = max(last, d.at), max(most, d.value)
		}
	}
	if longest < 2 || last == 0 {
		return c
	}
	top := roundUp(most)
	for i := range 5 {
		value := top * float64(i) / 4
		c.Ticks = append(c.Ticks, tickLine{Y: y(value, top), Label: label(value)})
	}
	for i, dots := range series {
		c.Lines = append(c.Lines, line{Name: names[i], Path: path(dots, last, top), Color: i % colors})
	}
	c.Start, c.Finish = "0 s", fmt.Sprintf("%.1f s", last)
	return c
}

func path(dots []dot, last, top float64) string {
	var s strings.Builder
	for i, d := range dots {
		command := 'L'
		if i == 0 {
			command = 'M'
		}
		fmt.Fprintf(&s, "%c%.1f %.1f", command, plotLeft+d.at/last*(plotRight-plotLeft), y(d.value, top))
	}
	return s.String()
}

func y(value, top float64) float64 { return tenths(plotBottom - value/top*(plotBottom-plotTop)) }

// tenths is as exact as a drawing needs.
func tenths(v float64) float64 { return math.Round(v*10) / 10 }

// roundUp gives the next of 1, 2, 4, 5 or 10 times a power of ten, so that a
// quarter of it is a round number; 1 for 0.
func roundUp(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 4, 5} {
		if v <= m*power {
			return m * power
		}
	}
	return 10 * power
}

func paceChart(r Report) chart {
	var dots []dot
	for _, p := range r.Pace {
		dots = append(dots, dot{p.At, p.Throughput})
	}
	return newChart([]string{"transactions a second"}, [][]dot{dots}, thousands)
}

// thousands writes a number shortly: 250k.
func thousands(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%g", v)
}

// cpuChart shows the cores that each process keeps busy.
func cpuChart(r Report) chart {
	return processChart(r, func(v float64) string { return fmt.Sprintf("%.2g", v) }, func(points []Point) (dots []dot) {
		for i := 1; i < len(points); i++ {
			before, now := points[i-1], points[i]
			if now.At > before.At {
				dots = append(dots, dot{now.At, max(now.CPU-before.CPU, 0) / (now.At - before.At)})
			}
		}
		return dots
	})
}

func memoryChart(r Report) chart {
	return processChart(r, func(v float64) string { return fmt.Sprintf("%g MiB", v) }, func(points []Point) (dots []dot) {
		for _, p := range points {
			dots = append(dots, dot{p.At, float64(p.Memory) / (1 << 20)})
		}
		return dots
	})
}

func processChart(r Report, label func(float64) string, of func([]Point) []dot) chart {
	var names []string
	var series [][]dot
	for _, p := range r.Processes {
		names, series = append(names, p.Name), append(series, of(p.Points))
	}
	return newChart(names, series, label)
}

// bars are horizontal or vertical bars of one scale.
type bars struct {
	Bars  []bar
	Start string // labels of the ends of the horizontal axis
	End   string
}

// bar has its share of the longest, 0 to 1, as a length in units of the drawing.
type bar struct {
	Name   string
	Value  string
	Length float64
	Offset float64 // across the bars
	Width  float64
	Own    bool // Lockstep itself
}

// Bars of the comparison, horizontal.
const barWidth, barStep, barLength = 22.0, 44.0, chartWidth - 24

func comparisonBars(r Report) (b bars) {
	names := append([]string{lockstep}, slices.Sorted(maps.Keys(r.Compare))...)
	values, most := make([]float64, len(names)), 0.0
	for i, name := range names {
		values[i] = r.Throughput
		if i > 0 {
			values[i] = r.Compare[name].Throughput
		}
		most = max(most, values[i])
	}
	if most == 0 || len(names) < 2 {
		return b
	}
	for i, v := range values {
		b.Bars = append(b.Bars, bar{
			Name: names[i], Value: report.Count(int(v)) + " a second", Length: tenths(max(v/most*barLength, 1)),
			Offset: float64(i) * barStep, Width: barWidth, Own: i == 0,
		})
	}
	return b
}

// Height is what the horizontal bars take.
func (b bars) Height() float64 { return float64(len(b.Bars)) * barStep }

// latencyBars are vertical.
func latencyBars(r Report) (b bars) {
	most := 0
	for _, bin := range r.Latencies {
		most = max(most, bin.Blocks)
	}
	if most == 0 {
		return b
	}
	width := (plotRight - plotLeft) / float64(len(r.Latencies))
	from := r.Latency.P50
	for i, bin := range r.Latencies {
		b.Bars = append(b.Bars, bar{
			Name: "up to " + ms(bin.To), Value: report.Plural(bin.Blocks, "block"), Length: tenths(float64(bin.Blocks) / float64(most) * (plotBottom - plotTop)),
			Offset: tenths(plotLeft + float64(i)*width), Width: tenths(max(width-1, 1)),
		})
	}
	if len(r.Latencies) > 1 {
		from = 2*r.Latencies[0].To - r.Latencies[1].To
	}
	b.Start, b.End = ms(max(from, 0)), ms(r.Latencies[len(r.Latencies)-1].To)
	return b
}

// Top is where a vertical bar begins.
func (b bar) Top() float64 { return tenths(plotBottom - b.Length) }
