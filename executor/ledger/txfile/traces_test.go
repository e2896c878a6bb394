package txfile

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

// tracePath finds a file of real blocks beside the checkout, or skips.
func tracePath(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "..", "shared", "traces", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the real blocks are not here: %v", err)
	}
	return path
}

// runTrace runs a file through the reference and gives it with the outcomes.
func runTrace(t *testing.T, path string) (*executor.Sequential, map[string]int) {
	t.Helper()
	r, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	reference := executor.NewSequential(ledger.Machine{}, protocol.DefaultLimits())
	counts := make(map[string]int)
	for {
		b, err := r.Next()
		if err == io.EOF {
			return reference, counts
		}
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := protocol.DecodeBody(b.Body, protocol.DefaultLimits())
		if err != nil {
			t.Fatalf("block %s: %v", b.Key, err)
		}
		outcomes, err := reference.Execute(decoded)
		if err != nil {
			t.Fatalf("block %s: %v", b.Key, err)
		}
		for name, n := range outcomes.Counts() {
			counts[name] += n
		}
	}
}

func TestRealLedger(t *testing.T) {
	reference, counts := runTrace(t, tracePath(t, "ledger-A.jsonl.gz"))
	if !maps.Equal(counts, map[string]int{"applied": 8969}) {
		t.Errorf("outcomes %v, want 8969 applied", counts)
	}
	want := expectedBalances(t, tracePath(t, "expected-A.json.gz"))
	got := make(map[string]string)
	for key, value := range reference.All() {
		balance, err := ledger.Balance(value)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		got[key] = balance.Dec()
	}
	if !maps.Equal(got, want) {
		t.Errorf("%d balances differ from the %d expected", len(got), len(want))
	}
}

// expectedBalances reads the final balances, without those of 0.
func expectedBalances(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var balances map[string]string
	if err := json.NewDecoder(text).Decode(&balances); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(balances, func(_, balance string) bool { return balance == "0" })
	return balances
}

func TestRealAccesses(t *testing.T) {
	if testing.Short() {
		t.Skip("a second or so")
	}
	_, counts := runTrace(t, tracePath(t, "accesses-A.jsonl.gz"))
	if !maps.Equal(counts, map[string]int{"applied": 9635}) {
		t.Errorf("outcomes %v, want 9635 applied", counts)
	}
}

// BenchmarkRead reads 10,000 transfers: parse, encode, hash.
func BenchmarkRead(b *testing.B) {
	one := `{"id":"0x5c504ed432cb51138bcf09aa5e8a410dd4a1e204ef84bfed1be16dfba1b22060","ops":[{"op":"transfer","from":"0xa1e4380a3b1f749673e270229993ee55f35663b4","to":"0x5df9b87991262f6ba471f09758cde1c0fc1de734","amount":"31337000000000000000"}]}` + "\n"
	file := strings.Repeat(one, 10_000)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := NewReader(strings.NewReader(file), "f", Options{})
		for err == nil {
			_, err = r.Next()
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}
