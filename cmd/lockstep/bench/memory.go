package bench

// meanMemory is the mean resident memory of the points from one time to another,
// in seconds; 0 if there are none.
func meanMemory(points []Point, from, to float64) int64 {
	sum, n := int64(0), int64(0)
	for _, p := range points {
		if p.At >= from && p.At <= to {
			sum, n = sum+p.Memory, n+1
		}
	}
	return sum / max(n, 1)
}

// peakMemory is the most resident memory of the points.
func peakMemory(points []Point) (most int64) {
	for _, p := range points {
		most = max(most, p.Memory)
	}
	return most
}

// flatness notes the mean memory in the second fifth of a measured time, when
// all has warmed up, and in the last.
func (p *Process) flatness(seconds float64) {
	p.Early = meanMemory(p.Points, seconds/5, 2*seconds/5)
	p.Late = meanMemory(p.Points, 4*seconds/5, seconds)
}
