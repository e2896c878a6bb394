package e2e

import (
	"math/big"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// leastReads is how many reads there must be while the load runs.
const leastReads = 5

// Reads through the coordinator see whole blocks (invariant 8): the balances of
// all accounts, over all shards, always add up to the same.
func TestReadsAreAtomic(t *testing.T) {
	w := workload{name: "w", accounts: 48, blocks: 250, size: 60}
	d := disturb(t, w, options(3))
	submission := d.submitting()
	reads, last := 0, uint64(0)
	for more := true; more; reads++ {
		_, more = submission.Lines()
		v := d.readAll()
		if v.Height < last {
			t.Fatalf("height %d is read after height %d", v.Height, last)
		}
		last = v.Height
	}
	if reads < leastReads {
		t.Errorf("only %d reads while the load ran", reads)
	}
	t.Logf("%d reads, up to height %d", reads, last)
	d.resolves(submission)
}

// readAll reads all accounts, and checks that nothing is lost.
func (d *disturbed) readAll() values {
	d.t.Helper()
	v := parseValues(d.t, wantDone(d.t, d.Lockstep(append([]string{"get", "-o", "json"}, d.workload.keys()...)...)))
	total := new(big.Int)
	for _, value := range v.Values {
		n, ok := new(big.Int).SetString(value.Balance, 10)
		if !ok {
			d.t.Fatalf("balance %q of %s", value.Balance, value.Key)
		}
		total.Add(total, n)
	}
	if want := int64(d.workload.accounts * initialBalance); total.Cmp(big.NewInt(want)) != 0 {
		d.t.Fatalf("at height %d the balances add up to %s, want %d", v.Height, total, want)
	}
	return v
}

// Reads straight from a shard follow its own committed height, and agree with
// those through the coordinator once all is quiet.
func TestReadsOfShards(t *testing.T) {
	d := disturb(t, workload{name: "w", accounts: 12, blocks: 60, size: 40}, options(3))
	submission := d.submitting()
	last := map[int]uint64{}
	for more := true; more; {
		_, more = submission.Lines()
		for i := range d.Shards {
			r := d.readShard(i, d.keyOn(i))
			v := parseValues(t, wantDone(t, r))
			if v.Height < last[i] || v.Shard != i {
				t.Fatalf("shard %d answers %s after height %d", i, r.Out, last[i])
			}
			last[i] = v.Height
		}
	}
	wantDone(t, submission.Wait())
	d.AwaitReady()
	for _, value := range d.readAll().Values {
		d.wantOnOneShard(value.Key, value.Balance)
	}
}

// keyOn gives a key that lives on a shard.
func (d *disturbed) keyOn(shard int) string {
	d.t.Helper()
	for _, key := range d.workload.keys() {
		if d.readShard(shard, key).Code == 0 {
			return key
		}
	}
	d.t.Fatalf("no key lives on shard %d", shard)
	return ""
}

// wantOnOneShard checks that exactly one shard answers for a key, and how.
func (d *disturbed) wantOnOneShard(key, balance string) {
	d.t.Helper()
	answers := 0
	for i := range d.Shards {
		r := d.readShard(i, key)
		if r.Code != 0 {
			wantRefusal(d.t, r, 1, "lives on shard")
			continue
		}
		answers++
		if v := parseValues(d.t, r.Out); v.Values[0].Balance != balance {
			d.t.Errorf("shard %d gives %s for %s, the coordinator %s", i, v.Values[0].Balance, key, balance)
		}
	}
	if answers != 1 {
		d.t.Errorf("%d shards answer for %s", answers, key)
	}
}

// wantRefusal checks that a command ended with a code and one sentence that
// says why.
func wantRefusal(t *testing.T, r cluster.Result, code int, sentence string) {
	t.Helper()
	if r.Code != code || !contains(r.Err, sentence) {
		t.Errorf("exit code %d, want %d; standard error %q, want %q in it", r.Code, code, r.Err, sentence)
	}
}
