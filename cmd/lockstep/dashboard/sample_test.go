package dashboard

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func at(second int, change func(*wirepb.ClusterStatus)) mark {
	c := cluster()
	if change != nil {
		change(c)
	}
	return mark{at: time.Unix(int64(second), 0), cluster: c}
}

func TestBetween(t *testing.T) {
	before := at(10, func(c *wirepb.ClusterStatus) {
		c.Activity.Transactions, c.Activity.Blocks, c.Activity.Latency = 100, 10, observed(time.Hour)
		c.Activity.Outcomes = []*wirepb.OutcomeCount{{Name: "applied", Count: 100}}
	})
	now := at(12, func(c *wirepb.ClusterStatus) {
		c.Activity.Transactions, c.Activity.Blocks, c.Activity.Aborted = 300, 14, 2
		c.Activity.Latency = observed(time.Hour, 10*time.Millisecond, 10*time.Millisecond)
		c.Activity.Outcomes = []*wirepb.OutcomeCount{{Name: "applied", Count: 280}, {Name: "insufficient_funds", Count: 20}}
		c.Shards[0].Report.Status.Forces = observed(time.Millisecond)
		c.Shards[1].Report.Status.Forces = observed(time.Millisecond)
	})
	s := between(before, now)
	if s.Transactions != 100 || s.Blocks != 2 || s.Withdrawn != 1 || s.Outcomes["applied"] != 90 || s.Outcomes["insufficient_funds"] != 10 {
		t.Errorf("sample %+v", s)
	}
	if s.LatencyP99 < 8 || s.LatencyP99 > 13 || s.ShardForce50 < 0.7 || s.ShardForce50 > 1.3 {
		t.Errorf("latency %v ms, forces %v ms", s.LatencyP99, s.ShardForce50)
	}
	body, err := json.Marshal(s)
	if err != nil || !strings.Contains(string(body), `"w50":null`) || !strings.Contains(string(body), `"tx":100`) {
		t.Errorf("%s, %v", body, err)
	}
}

// Where nothing is known there is a gap, and never a wrong figure.
func TestGaps(t *testing.T) {
	known := at(10, func(c *wirepb.ClusterStatus) { c.Activity.Transactions = 100 })
	for name, pair := range map[string][2]mark{
		"nobody could be asked":     {known, {at: time.Unix(11, 0)}},
		"nobody could be before":    {{at: time.Unix(9, 0)}, known},
		"another leader":            {known, at(11, func(c *wirepb.ClusterStatus) { c.Epoch = 4 })},
		"the same one, begun again": {known, at(11, func(c *wirepb.ClusterStatus) { c.Activity.SinceUnixMs = 5 })},
		"no time has passed":        {known, known},
	} {
		if s := between(pair[0], pair[1]); !math.IsNaN(float64(s.Transactions)) {
			t.Errorf("%s: %v transactions a second", name, s.Transactions)
		}
	}
}

func TestMostOutcomes(t *testing.T) {
	now := at(11, func(c *wirepb.ClusterStatus) {
		for i := range 20 {
			c.Activity.Outcomes = append(c.Activity.Outcomes, &wirepb.OutcomeCount{Name: fmt.Sprint("o", i), Count: uint64(i)})
		}
	})
	s := between(at(10, nil), now)
	if len(s.Outcomes) != mostOutcomes || s.Outcomes["o19"] != 19 || s.Outcomes["other"] != 78 {
		t.Errorf("outcomes %v", s.Outcomes)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	var h history
	for second := range 30000 {
		h.add(at(second, nil))
	}
	fine, coarse := h.list(1), h.list(10)
	if len(fine) != fineSamples || len(coarse) != coarseSamples {
		t.Fatalf("%d and %d samples", len(fine), len(coarse))
	}
	for _, list := range [][]sample{fine, coarse} {
		for i := 1; i < len(list); i++ {
			if list[i].UnixMs <= list[i-1].UnixMs {
				t.Fatalf("sample %d is not after the one before it", i)
			}
		}
	}
	if fine[len(fine)-1].UnixMs != 29999000 {
		t.Errorf("the newest is of %d", fine[len(fine)-1].UnixMs)
	}
}

func TestWords(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{ago(10), "less than 1 s"}, {ago(14999), "14 s"}, {ago(119_000), "119 s"}, {ago(120_000), "2 min"}, {ago(3 * 3600_000), "3 h"}, {ago(5 * 86400_000), "5 days"},
		{shards([]uint32{2}), "shard 2"}, {shards([]uint32{0, 1, 3}), "shards 0, 1 and 3"}, {shards(make([]uint32, 9)), "9 shards"},
		{blocks([]uint64{5}), "Block 5"}, {blocks([]uint64{813, 814, 815}), "Blocks 813 to 815"}, {blocks([]uint64{1, 5}), "2 blocks from 1 to 5"},
		{sentence("no"), "no."}, {sentence("no. "), "no."}, {sentence(""), ""},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}
