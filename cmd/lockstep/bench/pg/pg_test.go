package pg

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/protocol"
)

const accounts = 200

// filled starts a server with two databases.
func filled(t *testing.T) *Bench {
	t.Helper()
	in, err := Find()
	if errors.Is(err, ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "lockstep-pg-") // short enough for a socket, and open to the server's user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s, err := Start(t.Context(), in, dir, Connections(2))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	b, err := s.Fill(t.Context(), protocol.EvenSlots(2), accounts, true)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func blocks(t *testing.T, n int) (all []workload.Block) {
	t.Helper()
	g, err := workload.New(workload.Options{
		Kind: workload.ReadMostly, ReadShare: 0.3, Accounts: accounts, BlockSize: 100, Seed: 5, Slots: protocol.EvenSlots(2),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		b, err := g.Block(i)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

func TestServer(t *testing.T) {
	b := filled(t)
	t.Run("both forms come to the same", func(t *testing.T) { testBothForms(t, b) })
	t.Run("time ends a run", func(t *testing.T) { testTime(t, b) })
}

// testBothForms runs the same blocks in each form: the balances are what the
// transfers come to.
func testBothForms(t *testing.T, b *Bench) {
	all := blocks(t, 4)
	want := map[string]int64{}
	for i := range uint32(accounts) {
		want[workload.Account(i)] = workload.OpeningBalance
	}
	for _, form := range []func(context.Context, Task) (Result, error){b.Transactions, b.Blocks} {
		told := 0
		r, err := form(t.Context(), Task{
			Warm: all[:1], Block: func(i int) workload.Block { return all[1+i] }, Blocks: 3, Most: time.Minute,
			Tell: func(_, transactions int) { told = transactions },
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Blocks != 3 || r.Transactions != 300 || told != 300 || r.Elapsed <= 0 || len(r.Latencies) == 0 {
			t.Errorf("%d blocks, %d transactions, told of %d, %v, %d latencies", r.Blocks, r.Transactions, told, r.Elapsed, len(r.Latencies))
		}
		for _, block := range all {
			for _, a := range block.Actions {
				if !a.Reads() {
					want[workload.Account(a.From)] -= int64(a.Amount)
					want[workload.Account(a.To)] += int64(a.Amount)
				}
			}
		}
		compare(t, b, want)
	}
}

func compare(t *testing.T, b *Bench, want map[string]int64) {
	t.Helper()
	seen := 0
	for i := range 2 {
		c, err := b.connect(t.Context(), database(i))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background())
		rows, err := c.Query(t.Context(), "SELECT name, balance FROM account")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var name string
			var balance int64
			if err := rows.Scan(&name, &balance); err != nil {
				t.Fatal(err)
			}
			if seen++; balance != want[name] {
				t.Errorf("%s has %d, want %d", name, balance, want[name])
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if seen != accounts {
		t.Errorf("%d accounts, want %d", seen, accounts)
	}
}

func testTime(t *testing.T, b *Bench) {
	all := blocks(t, 2)
	for _, form := range []func(context.Context, Task) (Result, error){b.Transactions, b.Blocks} {
		r, err := form(t.Context(), Task{
			Block: func(i int) workload.Block { return all[i%2] }, Blocks: 1 << 40, Most: 100 * time.Millisecond, Tell: func(int, int) {},
		})
		if err != nil || r.Transactions == 0 || r.Elapsed < 100*time.Millisecond || r.Elapsed > 30*time.Second {
			t.Errorf("%d transactions in %v, %v", r.Transactions, r.Elapsed, err)
		}
	}
}

func TestSumsOf(t *testing.T) {
	b := &Bench{slots: protocol.EvenSlots(1)}
	got := b.sumsOf([]workload.Action{{From: 3, To: 1, Amount: 5}, {From: 1, To: 2, Amount: 5}, {From: 7, To: 8}})[0]
	if len(got.names) != 2 || got.names[0] != workload.Account(2) || got.deltas[0] != 5 || got.names[1] != workload.Account(3) || got.deltas[1] != -5 {
		t.Errorf("%v, %v: an account that comes out even is not changed", got.names, got.deltas)
	}
	if len(got.notes) != 2 {
		t.Errorf("notes %v", got.notes)
	}
}

func TestNewest(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{"9/bin/initdb", "9/bin/postgres", "15/bin/initdb", "15/bin/postgres", "16/bin/initdb", "x/bin/postgres"} {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := newest(filepath.Join(dir, "*/bin")), filepath.Join(dir, "15/bin"); got != want {
		t.Errorf("got %s, want %s: 16 lacks the server", got, want)
	}
	if got := newest(filepath.Join(dir, "none/*")); got != "" {
		t.Errorf("got %s", got)
	}
}
