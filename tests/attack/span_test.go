package attack

import (
	"slices"
	"time"
)

// span is what clients had in a while.
type span struct {
	began, ended time.Time
	answers      []answer
	worked       time.Duration // processor time of this process
}

// rate is how many blocks were committed a second.
func (s span) rate() float64 { return float64(len(s.answers)) / s.ended.Sub(s.began).Seconds() }

// percentile gives how long a part of the blocks took at most; 0 if there were none.
func (s span) percentile(part float64) time.Duration {
	if len(s.answers) == 0 {
		return 0
	}
	var took []time.Duration
	for _, a := range s.answers {
		took = append(took, a.took)
	}
	slices.Sort(took)
	return took[int(part*float64(len(took)-1))]
}

// windows counts the blocks that were committed in each whole window of the span.
func (s span) windows(long time.Duration) []int {
	counts := make([]int, s.ended.Sub(s.began)/long)
	for _, a := range s.answers {
		if i := int(a.at.Sub(s.began) / long); i < len(counts) {
			counts[i]++
		}
	}
	return counts
}

// longestPause is the longest time in the span without a committed block.
func (s span) longestPause() (longest time.Duration) {
	last := s.began
	for _, a := range s.answers { // in order of time
		longest, last = max(longest, a.at.Sub(last)), a.at
	}
	return max(longest, s.ended.Sub(last))
}
