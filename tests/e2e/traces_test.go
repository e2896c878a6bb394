package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// Transactions in the files of real blocks.
const (
	ledgerTransactions   = 8969
	accessesTransactions = 9635
)

// trace gives the path of a file of real blocks. They are not part of the
// project, so a test that wants them skips where they are absent.
func trace(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "traces", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the real blocks are not here: %v", err)
	}
	return path
}

// realBlocks gives both files of real blocks. They use the same block keys, so
// those of the second get a prefix: one cluster can then take both.
func realBlocks(t *testing.T) (ledger, accesses string) {
	t.Helper()
	accesses = filepath.Join(t.TempDir(), "accesses.jsonl")
	const start = `{"block":"`
	text := bytes.ReplaceAll(unzip(t, trace(t, "accesses-A.jsonl.gz")), []byte("\n"+start), []byte("\n"+start+"accesses:"))
	text = append([]byte(start+"accesses:"), bytes.TrimPrefix(text, []byte(start))...)
	if err := os.WriteFile(accesses, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return trace(t, "ledger-A.jsonl.gz"), accesses
}

func unzip(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// wantRealBalances compares the accounts of a state with what the chain says.
func wantRealBalances(t *testing.T, got cluster.Dump) {
	t.Helper()
	want := cluster.Dump{}
	for key, amount := range expectedBalances(t) {
		n, ok := new(big.Int).SetString(amount, 10)
		if !ok {
			t.Fatalf("expected balance %q of %s", amount, key)
		}
		if n.Sign() > 0 {
			want[key] = hexBalance(n)
		}
	}
	cluster.WantSame(t, "balances after the real blocks", accounts(got), want)
}

func expectedBalances(t *testing.T) map[string]string {
	t.Helper()
	var balances map[string]string
	if err := json.Unmarshal(unzip(t, trace(t, "expected-A.json.gz")), &balances); err != nil {
		t.Fatal(err)
	}
	return balances
}
