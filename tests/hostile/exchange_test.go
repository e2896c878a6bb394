package hostile

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// place is that of the liar's key in the access list of copies.
const place = 2

// pushes gives both honest shards a value for the newest attempt at a height.
func (c *town) pushes(h protocol.Height, forShard0, forShard1 string) {
	c.t.Helper()
	a := c.liar.asked(h)
	c.liar.line(0, nil).push(a, values(0, place, forShard0))
	c.liar.line(1, nil).push(a, values(0, place, forShard1))
}

// tellsTheTruth pushes the same value to everybody, for every attempt at a height
// until it is decided.
func (c *town) tellsTheTruth(h protocol.Height) {
	c.t.Helper()
	zero, one := c.liar.line(0, nil), c.liar.line(1, nil)
	var last protocol.AttemptID
	c.await("the height is decided", func() bool {
		if a := c.liar.asked(h); a != last {
			last = a
			zero.push(a, values(0, place, "applied"))
			one.push(a, values(0, place, "applied"))
		}
		return c.height() >= h
	})
}

// state gives what an honest shard has for its key.
func (c *town) state(s protocol.ShardID) string {
	c.t.Helper()
	key := [][]byte{keyOn("a", 0), keyOn("b", 1)}[s]
	got, err := c.client.Get(c.t.Context(), &wirepb.GetRequest{Keys: [][]byte{key}})
	if err != nil {
		c.t.Fatal(err)
	}
	return string(got.GetValues()[0].GetValue())
}

// TestALieThatAllAreTold is the value: it belongs to the liar, and everybody comes to
// the same.
func TestALieThatAllAreTold(t *testing.T) {
	c := newTown(t)
	answer := c.submit(patience, copies("got ", true))
	c.pushes(1, "a lie", "a lie")
	c.commits(answer)
	if a, b := c.state(0), c.state(1); a != "got a lie" || b != a {
		t.Errorf("shard 0 holds %q, shard 1 %q", a, b)
	}
}

// TestTwoValuesWithTwoOutcomes: the honest shards come to different outcomes, which
// their votes show before anything is decided.
func TestTwoValuesWithTwoOutcomes(t *testing.T) {
	c := newTown(t)
	tx := copies("name", true)
	answer := c.submit(patience, tx)
	c.pushes(1, "this", "that")
	c.quarantined(answer, `transaction 0 is "that" on shard 1, but "this" on another shard`)
	c.recovers(tx)
}

// TestTwoValuesWithOneOutcome is what no vote shows. All commit the same attempt and
// agree on every digest; what the block should have come to, only a run of it in one
// place tells.
func TestTwoValuesWithOneOutcome(t *testing.T) {
	c := newTown(t)
	block := copies("got ", true)
	answer := c.submit(patience, block)
	c.pushes(1, "this", "that")
	c.commits(answer)
	if a, b := c.state(0), c.state(1); a != "got this" || b != "got that" {
		t.Errorf("shard 0 holds %q, shard 1 %q", a, b)
	}
	reference := executor.NewSequential(copier{}, protocol.DefaultLimits())
	if _, err := reference.Execute([]protocol.Transaction{block}); err != nil {
		t.Fatal(err)
	}
	different := 0
	for s, h := range c.shards {
		if reference.StateDigest(slots, protocol.ShardID(s)) != h.Status().Committed.Digest {
			different++
		}
	}
	if different == 0 {
		t.Error("a sequential run comes to the same digests")
	}
}

// TestTheFirstValueStands: a shard cannot take back what it has said.
func TestTheFirstValueStands(t *testing.T) {
	c := newTown(t)
	answer := c.submit(patience, copies("got ", true))
	a := c.liar.asked(1)
	zero, one := c.liar.line(0, nil), c.liar.line(1, nil)
	for _, value := range []string{"first", "second", "third"} {
		zero.push(a, values(0, place, value))
		one.push(a, values(0, place, value))
	}
	c.commits(answer)
	if a, b := c.state(0), c.state(1); a != "got first" || b != a {
		t.Errorf("shard 0 holds %q, shard 1 %q", a, b)
	}
}

// TestValuesThatAreRefused: the stream ends, the shard that gets them says why and
// names the sender, and the block is committed when the truth comes.
func TestValuesThatAreRefused(t *testing.T) {
	tooLong := strings.Repeat("x", protocol.DefaultLimits().ValueBytes+1)
	for name, lie := range map[string]struct {
		values  []byte
		at      func(protocol.AttemptID) protocol.AttemptID
		reports string
	}{
		"of a key of another shard":        {values: values(0, 1, "x"), reports: "which is not its to push"},
		"of a key that is not there":       {values: values(0, 77, "x"), reports: "which is not executed here"},
		"of a transaction that is nowhere": {values: values(5, place, "x"), reports: "which is not executed here"},
		"that are cut":                     {values: values(0, place, "xyz")[:12], reports: "value of 3 bytes, 2 left"},
		"that are noise":                   {values: []byte("noise"), reports: "5 bytes left over"},
		"that are too long":                {values: values(0, place, tooLong), reports: "the most is 65536"},
		"that are too many at once":        {values: bytes.Repeat(values(0, place, tooLong[1:]), 5), reports: "of values in one message, the most is 327689"},
		"of a height far above": {values: values(0, place, "x"), reports: "far above the committed height",
			at: func(a protocol.AttemptID) protocol.AttemptID {
				a.Height += 1 << 20
				return a
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTown(t)
			answer := c.submit(patience, copies("got ", true))
			var a protocol.AttemptID
			var refused error
			p := c.liar.line(0, nil)
			c.await("the stream ends", func() bool {
				select {
				case refused = <-p.ended:
					if status.Code(refused) != codes.ResourceExhausted {
						return true
					}
					p = c.liar.line(0, nil) // it was too much before shard 0 has begun
				default:
				}
				// What comes before shard 0 has begun is refused with the attempt.
				if a = c.liar.asked(1); lie.at != nil {
					a = lie.at(a)
				}
				p.push(a, lie.values)
				return false
			})
			if status.Code(refused) != codes.InvalidArgument {
				t.Errorf("the stream ended with %v", refused)
			}
			c.reports("shard0", "peer=2", lie.reports)
			c.tellsTheTruth(1)
			c.commits(answer)
		})
	}
}

// TestStrangersToTheExchange: who is no peer of this cluster is told so.
func TestStrangersToTheExchange(t *testing.T) {
	c := newTown(t)
	c.goesOn()
	for name, stranger := range map[string]struct {
		bend   func(*wirepb.ExchangeHello)
		reason string
	}{
		"of another cluster": {func(h *wirepb.ExchangeHello) { h.Cluster = make([]byte, 16) }, "belongs to another cluster"},
		"for another shard":  {func(h *wirepb.ExchangeHello) { h.ToShard = 1 }, "this is shard 0, not shard 1"},
		"as itself":          {func(h *wirepb.ExchangeHello) { h.FromShard = 0 }, "shard 0 is no peer of shard 0"},
		"as nobody":          {func(h *wirepb.ExchangeHello) { h.FromShard = 1 << 31 }, "is no peer of shard 0"},
	} {
		if err := c.liar.line(0, stranger.bend).end(t); !strings.Contains(status.Convert(err).Message(), stranger.reason) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.goesOn()
}

// TestAFloodOfValues: what comes early is kept up to a bound, of which the liar cannot
// have what belongs to others; and blocks in which it has no part go on all the while.
func TestAFloodOfValues(t *testing.T) {
	c := newTown(t)
	c.goesOn()
	epoch := c.Status().Epoch
	for round := range 20 {
		p := c.liar.line(0, nil)
		for i := range protocol.Height(64) {
			p.push(protocol.AttemptID{Height: 100 + i, Epoch: epoch, Attempt: uint32(round) + 1}, values(0, place, strings.Repeat("x", 4096)))
		}
		if err := p.end(t); status.Code(err) != codes.ResourceExhausted {
			t.Fatalf("the stream ended with %v", err)
		}
		c.goesOn()
	}
	honest := c.liar.line(0, func(h *wirepb.ExchangeHello) { h.FromShard = 1 })
	honest.push(protocol.AttemptID{Height: 90, Epoch: epoch, Attempt: 1}, values(0, place, strings.Repeat("x", earlyBytes/8)))
	c.await("shard 0 keeps what comes from shard 1", func() bool {
		if len(honest.ended) > 0 {
			t.Fatal(<-honest.ended)
		}
		return honest.taken.Load() == 1
	})
	answer := c.submit(patience, copies("got ", true))
	c.tellsTheTruth(c.height() + 1)
	c.commits(answer)
}
