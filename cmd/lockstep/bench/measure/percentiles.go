package measure

import (
	"math"
	"slices"
	"time"
)

// Percentiles are times in milliseconds, by the nearest-rank definition.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// PercentilesOf sorts the times in place; all are 0 if there are none.
func PercentilesOf(times []time.Duration) Percentiles {
	slices.Sort(times)
	return Percentiles{
		P50: Milliseconds(Percentile(times, 50)), P95: Milliseconds(Percentile(times, 95)),
		P99: Milliseconds(Percentile(times, 99)), Max: Milliseconds(Percentile(times, 100)),
	}
}

// Percentile gives the smallest of ascending times that at least p percent of
// them do not exceed; 0 if there are none.
func Percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Milliseconds gives a time with its fraction.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Median sorts a copy and gives the middle, of an even number the mean of both;
// 0 if there are none.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}
