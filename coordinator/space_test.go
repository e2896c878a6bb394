package coordinator

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// TestACoordinatorWithoutSpaceSaysSo, to probes and to clients, and goes on by
// itself.
func TestACoordinatorWithoutSpaceSaysSo(t *testing.T) {
	f := newOffice(t, Options{})
	newPuppet(t, f)
	f.commits("a", 1)
	var free atomic.Int64
	free.Store(100 << 20)
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	f.options.MinFreeBytes = 128 << 20
	f.options.FreeBytes = func(string) (int64, error) {
		if free.Load() < 0 {
			return 0, errors.New("no such disk")
		}
		return free.Load(), nil
	}
	f.start()
	const words = "the disk of c1 has 100 MiB free, below the 128 MiB"
	if err := f.Ready(); err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("ready: %v", err)
	}
	_, err := f.submits("b", patience)
	wantCode(t, err, codes.ResourceExhausted)
	if _, again := wire.RetryAfter(err); !again || !strings.Contains(err.Error(), words) {
		t.Errorf("turned away with %v", err)
	}
	f.commits("a", 1) // what is decided is told all the same
	free.Store(-1)
	if reason := f.ShortOfSpace(); !strings.Contains(reason, "the disk of c1 cannot be told: no such disk") {
		t.Errorf("it says %q", reason)
	}
	free.Store(1 << 30)
	eventually(t, "it is ready again", func() bool { return f.Ready() == nil })
	f.commits("b", 2)
}
