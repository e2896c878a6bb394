package executor

import (
	"reflect"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// TestTheRoomIsMeasuredBeforeResults, and only then.
func TestTheRoomIsMeasuredBeforeResults(t *testing.T) {
	result, other := protocol.Event(protocol.Executed{Attempt: at(1, 1)}), protocol.Event(protocol.Tick{})
	for name, test := range map[string]struct {
		least int64
		given evs
		told  bool
	}{
		"a result":                      {1 << 60, evs{other, result}, true},
		"no result":                     {1 << 60, evs{other}, false},
		"a shard that wants no minimum": {-1, evs{other, result}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Shard{options: Options{Directory: t.TempDir(), MinFreeBytes: test.least}}
			got := s.withRoom(append(evs(nil), test.given...))
			if test.told {
				room, ok := got[0].(protocol.Room)
				if !ok || room.Bytes >= 0 {
					t.Fatalf("the machine is told %+v", got[0])
				}
				got = got[1:]
			}
			if !reflect.DeepEqual(got, test.given) {
				t.Errorf("the events became %v", got)
			}
		})
	}
}

// TestHeightsThatEndTogetherFillNoDisk: what fits is prepared, and the rest is
// refused before it is written.
func TestHeightsThatEndTogetherFillNoDisk(t *testing.T) {
	a := newActor(t)
	a.welcomed()
	a.handles(executes(at(1, 1), protocol.AttemptID{}), executes(at(2, 1), at(1, 1)), executes(at(3, 1), at(2, 1)))
	large := func(at protocol.AttemptID) protocol.Event {
		return protocol.Executed{Attempt: at, Result: protocol.Result{Writes: protocol.EncodeWrites(nil), Pushed: make([]byte, 300)}}
	}
	a.does(evs{protocol.Room{Bytes: 500}, large(at(3, 1)), large(at(2, 1)), large(at(1, 1))},
		"append *protocol.Prepared", "sync", "drop 2", "send *protocol.Vote", "send *protocol.Vote")
}
