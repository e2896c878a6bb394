package coordinator

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/lockstep-exec/lockstep/protocol"
)

// morning runs a core through a day of work up to a crash: block "a" is decided
// and kept, "b" decided only, "c" proposed.
func morning(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t)
	d.handle(protocol.Tick{Now: time.Unix(1, 0)})
	d.joins(0, protocol.Committed{})
	d.joins(1, protocol.Committed{})
	d.submits(1, "a", 0, "k", "l", "m", "n")
	d.votes(10)
	d.votes(11)
	d.keep()
	d.submits(2, "b", d.Kept(), "k")
	d.votes(11)
	d.votes(10)
	d.submits(3, "c", d.Kept(), "k")
	d.submits(4, "a", d.Kept()-1, "other") // looked up before the history moved on
	return d
}

func (d *desk) verdicts() (list []protocol.Verdict) {
	for _, a := range d.answers {
		list = append(list, a.Verdict)
	}
	return list
}

// TestCoreAloneFromTheFirstBlockToARestart drives a core in one thread.
func TestCoreAloneFromTheFirstBlockToARestart(t *testing.T) {
	d := morning(t)
	if want := []protocol.Verdict{protocol.VerdictCommitted, protocol.VerdictCommitted, protocol.VerdictConflict}; !slices.Equal(d.verdicts(), want) {
		t.Fatalf("verdicts %v, want %v", d.verdicts(), want)
	}
	if d.Height() != 2 || d.Kept() != 1 || d.Status().Kept != 1 || d.log.needed != 0 || d.steps == 0 {
		t.Errorf("height %d, kept %d, the machine knows of %d, needed from %d, %d steps", d.Height(), d.Kept(), d.Status().Kept, d.log.needed, d.steps)
	}
	before, _, err := d.Decision(2)
	if err != nil {
		t.Fatal(err)
	}

	d = openDesk(t, d.log, d.history) // all of the log has reached the disk
	if s := d.Status(); s.Epoch != 2 || s.Decided.Height() != 2 || s.Queued+len(s.InFlight) != 1 {
		t.Fatalf("after a restart: %+v", s)
	}
	for _, key := range []string{"a", "b"} {
		if got, ok, checked, err := d.Find(key); err != nil || !ok || got.Key != key || checked != 1 {
			t.Errorf("%q: %v, %v, checked up to %d, %v", key, got, ok, checked, err)
		}
	}
	if _, ok, _, err := d.Find("c"); ok || err != nil {
		t.Errorf("an undecided block is found: %v, %v", ok, err)
	}
	if after, ok, err := d.Decision(2); err != nil || !ok || !reflect.DeepEqual(after, before) {
		t.Errorf("decision of height 2: %+v, %v, %v, it was %+v", after, ok, err, before)
	}
	if _, ok, err := d.Decision(3); ok || err != nil {
		t.Errorf("height 3 is decided: %v, %v", ok, err)
	}

	d.handle(protocol.Tick{Now: time.Unix(2, 0)})
	d.submits(1, "c", d.Kept(), "k") // asks again for the block that runs again
	d.joins(0, before.CommittedOn(0))
	d.joins(1, before.CommittedOn(1))
	d.votes(10)
	d.votes(11)
	d.keep()
	c, ok, checked, err := d.Find("c")
	if err != nil || !ok || c.Height() != 3 || c.Attempt.Epoch != 2 || checked != 3 {
		t.Errorf("block c: %+v, %v, checked up to %d, %v", c, ok, checked, err)
	}
	if len(d.answers) != 1 || !reflect.DeepEqual(d.answers[0].Decision, c) {
		t.Errorf("answers %+v", d.answers)
	}
}

// TestACrashTakesNoDecision: a proposal that was not forced may be gone, and
// what was answered is there.
func TestACrashTakesNoDecision(t *testing.T) {
	d := morning(t)
	d.log.crash()
	d = openDesk(t, d.log, d.history)
	if s := d.Status(); s.Epoch != 2 || s.Queued+len(s.InFlight) != 0 {
		t.Errorf("after a crash: %+v", s)
	}
	for h, key := range []string{"a", "b"} {
		if got, ok, _, err := d.Find(key); err != nil || !ok || got.Height() != protocol.Height(h)+1 {
			t.Errorf("%q: %v, %v, %v", key, got, ok, err)
		}
	}
}

// TestCoreDoesTheSameForTheSame: nothing that can be seen depends on the order
// of a map, on time or on chance.
func TestCoreDoesTheSameForTheSame(t *testing.T) {
	first := morning(t)
	for range 20 {
		again := morning(t)
		if !reflect.DeepEqual(again.log.entries, first.log.entries) || !reflect.DeepEqual(again.history.meta, first.history.meta) {
			t.Fatal("log or history differ")
		}
		if !reflect.DeepEqual(again.sent, first.sent) || !reflect.DeepEqual(again.answers, first.answers) {
			t.Fatal("messages or answers differ")
		}
	}
}

// TestADeposedCoreSaysNothingMore is C1: it finds out though it has nothing to
// append.
func TestADeposedCoreSaysNothingMore(t *testing.T) {
	d := morning(t)
	if err := d.Confirm(); err != nil || d.Status().Ended != "" {
		t.Fatalf("it owns its log: %v, %q", err, d.Status().Ended)
	}
	answers := len(d.answers)
	d.log.taken = true
	if err := d.Confirm(); err != nil {
		t.Fatal(err)
	}
	if !d.Status().Fenced {
		t.Error("another incarnation may not begin, if this member still leads")
	}
	if !strings.Contains(d.Status().Ended, ErrFenced.Error()) || !strings.Contains(d.left, ErrFenced.Error()) {
		t.Errorf("ended %q, clients are told %q", d.Status().Ended, d.left)
	}
	if !slices.Equal(d.closed, []protocol.Session{10, 11}) {
		t.Errorf("closed sessions %v", d.closed)
	}
	d.votes(10)
	d.votes(11)
	if len(d.answers) != answers || d.Height() != 2 {
		t.Errorf("height %d, %d answers more", d.Height(), len(d.answers)-answers)
	}
}

// TestAQuarantineOutlastsADoubt: another incarnation would forget it.
func TestAQuarantineOutlastsADoubt(t *testing.T) {
	d := morning(t)
	d.node.quarantine(errors.New("shards differ"))
	d.log.taken = true
	if err := d.Confirm(); err != nil {
		t.Fatal(err)
	}
	if s := d.Status(); s.Fenced || !strings.Contains(s.Ended, "quarantined: shards differ") {
		t.Errorf("fenced %v, ended %q", s.Fenced, s.Ended)
	}
}

func TestPrepareRefusesWhatNoBlockMayBe(t *testing.T) {
	d := newDesk(t)
	body := protocol.EncodeBody([]protocol.Transaction{protocol.NewTransaction(nil, []protocol.Access{{Key: []byte("k"), Mode: protocol.Write}})})
	for what, in := range map[string]struct {
		key  string
		body []byte
	}{
		"no key":              {"", body},
		"the batcher's key":   {streamKeys + "1/1", body},
		"no transactions":     {"a", protocol.EncodeBody(nil)},
		"a body that is torn": {"a", body[:len(body)-1]},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := d.Prepare(in.key, in.body)
			if err == nil {
				t.Fatal("it was taken")
			}
			if strings.HasPrefix(in.key, streamKeys) {
				wantCode(t, err, codes.InvalidArgument)
			}
		})
	}
}
