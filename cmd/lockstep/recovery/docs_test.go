package recovery

import (
	"os"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// TestGuideKnowsEveryError checks that docs/recovery.md has the words of every
// error with which a start can end.
func TestGuideKnowsEveryError(t *testing.T) {
	raw, err := os.ReadFile("../../../docs/recovery.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := strings.Join(strings.Fields(string(raw)), " ")
	for _, err := range []error{
		wal.ErrLocked, wal.ErrDamaged, wal.ErrFormat, wal.ErrNoSpace, wal.ErrPoisoned,
		state.ErrLocked, state.ErrDamaged, state.ErrFormat, state.ErrNoSpace, state.ErrPoisoned,
		history.ErrLocked, history.ErrDamaged, history.ErrFormat, history.ErrNoSpace, history.ErrPoisoned,
		protocol.ErrLogOrder, protocol.ErrMalformed, executor.ErrStopped, coordinator.ErrStopped,
	} {
		if !strings.Contains(guide, err.Error()) {
			t.Errorf("docs/recovery.md does not have %q", err)
		}
	}
}
