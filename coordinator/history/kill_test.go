package history

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// The batches that the child appends end at these heights, again and again.
const killChain = 5_000

func batchEnds() (ends []int) {
	r := rand.New(rand.NewPCG(1, 2))
	for at := 0; at < killChain; {
		at = min(at+1+r.IntN(120), killChain)
		ends = append(ends, at)
	}
	return ends
}

// appendForEver goes on where the history ends, and says so after every batch.
func appendForEver(dir string) error {
	h, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	decisions := chain(killChain)
	fmt.Println(h.Height())
	for _, end := range batchEnds() {
		if protocol.Height(end) <= h.Height() {
			continue
		}
		if err := h.Append(metaAt(protocol.Height(end)), decisions[h.Height():end]); err != nil {
			return err
		}
		fmt.Println(end)
	}
	return errors.New("nobody has killed me")
}

// TestKilledWhileAppending: whatever the moment, the history is at the end of a
// batch, that of the last one acknowledged or the one after it.
func TestKilledWhileAppending(t *testing.T) {
	dir, decisions, ends := t.TempDir(), chain(killChain), batchEnds()
	mustCreate(t, dir)
	rounds := 15
	if testing.Short() {
		rounds = 4
	}
	acknowledged, before := 0, 0
	for range rounds {
		acknowledged = killAppending(t, dir)
		h := mustOpen(t, dir)
		at := int(h.Height())
		i, whole := slices.BinarySearch(ends, at)
		if at != 0 && !whole {
			t.Fatalf("height %d is inside a batch", at)
		}
		if at < acknowledged || (at > acknowledged && i > 0 && ends[i-1] > acknowledged) {
			t.Fatalf("height is %d, acknowledged was %d", at, acknowledged)
		}
		meta := testMeta()
		if at > 0 {
			meta = metaAt(h.Height())
		}
		wantExactly(t, h, meta, decisions[:at])
		must(t, h.Close())
		wantSound(t, dir)
		if at == killChain {
			break
		}
		before = at
	}
	if before == 0 {
		t.Fatal("the child has never got anywhere")
	}
}

// killAppending lets a child append, kills it a random while after a random
// acknowledgement, and gives the last height that it acknowledged.
func killAppending(t *testing.T, dir string) (acknowledged int) {
	t.Helper()
	cmd := child("append", dir)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := rand.IntN(12)
	scan := bufio.NewScanner(out)
	for n := 0; scan.Scan(); n++ {
		acknowledged, err = strconv.Atoi(scan.Text())
		must(t, err)
		if n == lines {
			time.AfterFunc(time.Duration(rand.IntN(3000))*time.Microsecond, func() { cmd.Process.Kill() })
		}
	}
	must(t, scan.Err())
	if cmd.Wait(); complaints.Len() > 0 && acknowledged < killChain {
		t.Fatalf("child: %s", complaints.String())
	}
	return acknowledged
}
