package proof

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHolds(t *testing.T) {
	f := newFixture(t)
	r := f.check(t)
	if !r.Holds() || len(r.Findings) > 0 {
		t.Fatalf("findings in a sound cluster: %v", r.Findings)
	}
	if r.Height != 2 || r.Transactions != 7 || r.Root != f.history[1].Root {
		t.Errorf("height %d, %d transactions, root %s", r.Height, r.Transactions, r.Root)
	}
	if r.Supply.String() != "1007" || r.Balances.String() != "1007" {
		t.Errorf("supply %v, balances %v, want 1007", r.Supply, r.Balances)
	}
}

func TestHistoryIsKept(t *testing.T) {
	f := newFixture(t)
	if err := WriteHistory(f.dir, f.history); err != nil {
		t.Fatal(err)
	}
	back, err := ReadHistory(f.dir)
	if err != nil || !reflect.DeepEqual(back, f.history) {
		t.Fatalf("read %v, %v, want %v", back, err, f.history)
	}
	if _, err := ReadHistory(t.TempDir()); err == nil {
		t.Error("a directory without a history has one")
	}
}

// wantFinding checks that some finding names the key with both values.
func wantFinding(t *testing.T, r *Report, shard int, key, expected, actual string) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Shard == shard && f.Key == key {
			if f.Expected != expected || !strings.Contains(f.Actual, actual) {
				t.Errorf("finding %q, want expected %s and actual %s", f, expected, actual)
			}
			if r.Holds() || r.Shards[shard].Same {
				t.Error("the report does not say that it is different")
			}
			return
		}
	}
	t.Errorf("no finding names shard %d, key %q: %v", shard, key, r.Findings)
}

func TestPlantedValueIsNamed(t *testing.T) {
	f := newFixture(t)
	key := ledger.AccountKey("dave")
	f.plant(t, f.owner(key), key, []byte{0x01, 0x2d})
	wantFinding(t, f.check(t), f.owner(key), "account/dave", "0x012c", "0x012d")
}

func TestPlantedKeyIsNamed(t *testing.T) {
	f := newFixture(t)
	key := ledger.AccountKey("mallory")
	f.plant(t, f.owner(key), key, []byte{9})
	wantFinding(t, f.check(t), f.owner(key), "account/mallory", "absent", "0x09")
}

func TestMissingKeyIsNamed(t *testing.T) {
	f := newFixture(t)
	key := ledger.ValueKey("note")
	f.plant(t, f.owner(key), key, nil)
	wantFinding(t, f.check(t), f.owner(key), "kv/note", "0x78", "absent")
}

func TestFlippedByteIsNamed(t *testing.T) {
	f := newFixture(t)
	key := ledger.AccountKey("dave")
	path := filepath.Join(f.shard(f.owner(key)), state.FileName)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(file, key)
	if at < 0 {
		t.Fatal("the key is not in the database")
	}
	file[at+len(key)+5] ^= 1 // the second byte of the value, behind the checksum
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	wantFinding(t, f.check(t), f.owner(key), "account/dave", "0x012c", "damaged")
}

func TestForgedHistoryIsFound(t *testing.T) {
	for name, forge := range map[string]func(*fixture){
		"root":     func(f *fixture) { f.history[0].Root = f.history[1].Root },
		"digest":   func(f *fixture) { f.history[1].Digests[0] = f.history[1].Digests[1] },
		"outcomes": func(f *fixture) { f.history[1].Outcomes["applied"]++ },
		"order":    func(f *fixture) { f.history[0].Key, f.history[1].Key = f.history[1].Key, f.history[0].Key },
		"height":   func(f *fixture) { f.history = f.history[:1] },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			forge(f)
			if f.check(t).Holds() {
				t.Error("the proof holds")
			}
		})
	}
}
