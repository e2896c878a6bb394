package executor

import (
	"fmt"
	"slices"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

func at(h protocol.Height, attempt uint32) protocol.AttemptID {
	return protocol.AttemptID{Height: h, Epoch: 1, Attempt: attempt}
}

// readOut takes everything that a link sends that begins after a number.
func readOut(o *Outbox, after uint64) (list []string) {
	for {
		e, ok, _ := o.After(after)
		if !ok {
			return list
		}
		list = append(list, fmt.Sprintf("%s %s", e.Attempt, e.Values))
		after = e.Number
	}
}

func TestOutboxIsSentAgainFromTheFront(t *testing.T) {
	o := NewOutbox()
	o.Add(at(1, 1), []byte("a"))
	o.Add(at(2, 1), []byte("b"))
	o.Add(at(1, 1), []byte("c"))
	want := []string{"1/1.1 a", "2/1.1 b", "1/1.1 c"}
	for range 2 {
		if got := readOut(o, 0); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	}
	if got := readOut(o, 2); !slices.Equal(got, want[2:]) {
		t.Errorf("after 2: %q", got)
	}
	if o.Bytes() != 3 {
		t.Errorf("%d bytes", o.Bytes())
	}
}

func TestOutboxForgetsWhatIsReleased(t *testing.T) {
	o := NewOutbox()
	for h := range protocol.Height(4) {
		o.Add(at(h+1, 1), []byte{byte('a' + h)})
	}
	o.Release(func(a protocol.AttemptID) bool { return a.Height > 2 })
	if got := readOut(o, 0); !slices.Equal(got, []string{"3/1.1 c", "4/1.1 d"}) {
		t.Errorf("got %q", got)
	}
	o.Release(func(a protocol.AttemptID) bool { return a.Height < 4 })
	o.Add(at(4, 2), []byte("e"))
	if got := readOut(o, 1); !slices.Equal(got, []string{"3/1.1 c", "4/1.2 e"}) {
		t.Errorf("got %q", got)
	}
}

// TestOutboxWakesEveryLink: while a peer moves, two links wait; neither may
// take the other's wake-up.
func TestOutboxWakesEveryLink(t *testing.T) {
	o := NewOutbox()
	_, _, old := o.After(0)
	_, _, next := o.After(0)
	o.Add(at(1, 1), nil)
	for name, changed := range map[string]<-chan struct{}{"old": old, "new": next} {
		select {
		case <-changed:
		default:
			t.Errorf("the %s link was not woken", name)
		}
	}
	if _, _, changed := o.After(1); changed == nil {
		t.Error("no way to wait")
	}
}
