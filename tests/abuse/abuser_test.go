package abuse

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// abuserVariable has the test binary be an abuser: it names the abuse.
const abuserVariable = "LOCKSTEP_ABUSER"

// politely lets an abuser have only the processor time that nobody else wants, and gives
// it up at once, as if it had a machine of its own.
var politely = []string{"chrt", "--idle", "0"}

// start has a process of its own abuse a target until stop, which gives the processor
// time that it has used.
func (a abuse) start(t *testing.T, at target) (stop func() time.Duration) {
	t.Helper()
	where, err := json.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(politely[0], append(politely[1:], os.Args[0], string(where))...)
	cmd.Env = append(os.Environ(), abuserVariable+"="+a.name)
	cmd.Stderr = os.Stderr
	alive, err := cmd.StdinPipe() // it ends with this process at the latest
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() time.Duration {
		alive.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the abuser: %v", err)
		}
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
}

// abuser is that process.
func abuser(name string) int {
	var at target
	if err := json.Unmarshal([]byte(os.Args[1]), &at); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is closed
	}()
	var group sync.WaitGroup
	for _, a := range abuses {
		for range hands {
			if a.name == name {
				group.Go(func() { a.do(ctx, at) })
			}
		}
	}
	group.Wait()
	return 0
}
