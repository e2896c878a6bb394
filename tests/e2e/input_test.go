package e2e

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// initialBalance is what every account of a workload begins with: more than it
// can ever spend, so that every transfer is applied.
const initialBalance = 1_000_000

// workload is generated input: blocks of transfers between a few accounts, so
// that most of them cross shards and depend on each other.
type workload struct {
	name     string // begins all its block keys
	accounts int
	blocks   int // beside the first
	size     int // transfers in a block
}

// small is enough to be in flight.
func small() workload { return workload{name: "w", accounts: 24, blocks: 3, size: 40} }

func (w workload) account(i int) string { return fmt.Sprintf("%s-%d", w.name, i) }

// keys are the state keys of all accounts.
func (w workload) keys() (keys []string) {
	for i := range w.accounts {
		keys = append(keys, accountPrefix+w.account(i))
	}
	return keys
}

// opening writes the block that fills the accounts, and gives the file.
func (w workload) opening(t *testing.T) string {
	t.Helper()
	return write(t, w.name+"-opening.jsonl", func(out *bufio.Writer) {
		for i := range w.accounts {
			fmt.Fprintf(out, `{"block":"%s-0","ops":[{"op":"credit","account":"%s","amount":"%d"}]}`+"\n", w.name, w.account(i), initialBalance)
		}
	})
}

// transfers writes all other blocks, and gives the file. It is always the same.
func (w workload) transfers(t *testing.T) string {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(w.size)))
	return write(t, w.name+"-transfers.jsonl", func(out *bufio.Writer) {
		for b := range w.blocks {
			for range w.size {
				from := r.IntN(w.accounts)
				to := (from + 1 + r.IntN(w.accounts-1)) % w.accounts
				fmt.Fprintf(out, `{"block":"%s-%d","ops":[{"op":"transfer","from":"%s","to":"%s","amount":"%d"}]}`+"\n",
					w.name, b+1, w.account(from), w.account(to), 1+r.IntN(9))
			}
		}
	})
}

func write(t *testing.T, name string, fill func(*bufio.Writer)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriter(f)
	fill(out)
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// undisturbed gives the state to which files lead on one shard that nobody
// disturbs.
func undisturbed(t *testing.T, files ...string) cluster.Dump {
	t.Helper()
	c := start(t, 1)
	submit(t, c, files...)
	c.AwaitReady() // the decision is known before the last commit has arrived
	c.StopAll()
	return c.Dump()
}
