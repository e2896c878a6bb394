package bench

import (
	"math"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
)

const (
	// mostPoints bounds the points of the throughput over time.
	mostPoints = 60
	// blocksPerPoint is how many blocks a point has on average, so that it says
	// more than when single blocks were answered.
	blocksPerPoint = 5
)

// paceOf gives the throughput over time. A block counts when it is answered.
func paceOf(r result) []PacePoint {
	if len(r.samples) == 0 {
		return nil
	}
	n := min(max(len(r.samples)/blocksPerPoint, 1), mostPoints)
	width := r.elapsed / time.Duration(n)
	if width <= 0 {
		return nil
	}
	points := make([]PacePoint, n)
	for i := range points {
		points[i].At = (time.Duration(i+1) * width).Seconds()
	}
	for _, s := range r.samples {
		i := min(int((s.began+s.took)/width), n-1)
		points[i].Throughput += float64(s.transactions) / width.Seconds()
	}
	return points
}

// mostBins bounds the bins of a distribution.
const mostBins = 30

// binsOf counts times in bins of one width, from the shortest to the 99.9th
// percentile; the last bin has what is above as well.
func binsOf(times []time.Duration) []Bin {
	if len(times) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(times))
	low, high := sorted[0], measure.Percentile(sorted, 99.9)
	n := min(mostBins, max(1, int(math.Sqrt(float64(len(times))))*2))
	width := max((high-low)/time.Duration(n), 1)
	bins := make([]Bin, n)
	for i := range bins {
		bins[i].To = measure.Milliseconds(low + time.Duration(i+1)*width)
	}
	for _, t := range sorted {
		i := int((t - low + width - 1) / width) // 0 for the shortest, then 1 for the first width
		bins[min(max(i-1, 0), n-1)].Blocks++
	}
	return bins
}
