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
)

// abuserVariable has the test binary be an abuser: it names the abuse.
const abuserVariable = "LOCKSTEP_ABUSER"

// politely lets an abuser have only the processor time that nobody else wants, as if it
// had a machine of its own.
var politely = []string{"nice", "-n", "39"}

// start has a process of its own abuse a target until stop.
func (a abuse) start(t *testing.T, at target) (stop func()) {
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
	return func() {
		alive.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the abuser: %v", err)
		}
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
