package demo

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buildBinary builds the program, whose daemons a demo starts.
func buildBinary(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real processes")
	}
	path := filepath.Join(t.TempDir(), "lockstep")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/lockstep-exec/lockstep/cmd/lockstep").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func smallDemo(t *testing.T, out *bytes.Buffer) Options {
	return Options{
		Executable: buildBinary(t), Shards: 3, Accounts: 400, Seed: 7, BlockSize: 100, Clients: 3, Load: time.Second,
		Directory: filepath.Join(t.TempDir(), "demo"), Out: out, Err: out,
	}
}

func TestDemo(t *testing.T) {
	t.Parallel() // it waits more than it works
	var out bytes.Buffer
	o := smallDemo(t, &out)
	if err := Run(t.Context(), o); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, part := range []string{"1. Healthy load", "waiting for coordinator", "in doubt", "epoch 2 after it", "balances add up to 400000000", "done:"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the story lacks %q:\n%s", part, out.String())
		}
	}
	out.Reset()
	if err := Verify(o); err != nil {
		t.Errorf("the same proof fails the second time: %v", err)
	}
	if err := Run(t.Context(), o); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("a directory in use gives %v, want exit code 2", err)
	}
	plantAndVerify(t, o, &out)
}

// With identities: faults, restarts, reads of one shard, and all pages.
func TestDemoOfSeveralCoordinators(t *testing.T) {
	t.Parallel() // it waits more than it works
	var out bytes.Buffer
	o := smallDemo(t, &out)
	o.TLS, o.Coordinators = true, 3
	if err := Run(t.Context(), o); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, part := range []string{"look at https://", "waiting for coordinator", "3 coordinators and 3 shards", "4. The leader is killed", "epoch 2 after it", "it is a follower", "5. 2 of 3", "stands for election in vain", "6. The proof", "coordinator3", "done:"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the story lacks %q:\n%s", part, out.String())
		}
	}
	if err := Verify(o); err != nil {
		t.Errorf("the same proof fails the second time: %v", err)
	}
}

// plantAndVerify adds 1 to a balance in a database, behind everybody's back.
func plantAndVerify(t *testing.T, o Options, out *bytes.Buffer) {
	t.Helper()
	key := plantInDatabase(t, filepath.Join(o.Directory, "shard1", state.FileName))
	err := Verify(o)
	if cli.ExitCode(err) != cli.ExitRefused || !strings.Contains(err.Error(), key) {
		t.Errorf("a planted byte gives %v, want exit code 4 and the key %s", err, key)
	}
	if !strings.Contains(out.String(), "shard 1: key \""+key+"\"") || !strings.Contains(out.String(), "DIFFERENT") {
		t.Errorf("the story does not name the key %s:\n%s", key, out.String())
	}
}

func plantInDatabase(t *testing.T, path string) (planted string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		pairs := tx.Bucket([]byte("pairs"))
		planted = "kv/nobody put this"
		value := []byte("x")
		if key, stored := pairs.Cursor().First(); key != nil { // a short run may have no checkpoint
			planted, value = string(key), bytes.Clone(stored[4:])
			value[len(value)-1]++
		}
		sum := crc32.Checksum(append([]byte(planted), value...), crc32.MakeTable(crc32.Castagnoli))
		return pairs.Put([]byte(planted), append(binary.BigEndian.AppendUint32(nil, sum), value...))
	})
	if err != nil {
		t.Fatal(err)
	}
	return planted
}

func TestInterruptedDemoLeavesNothingRunning(t *testing.T) {
	var out bytes.Buffer
	o := smallDemo(t, &out)
	o.Load = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := Run(ctx, o); err == nil {
		t.Fatal("an interrupted demo succeeds")
	}
	// Its directories are free again: nobody holds their locks.
	for _, name := range []string{"shard0", "shard1", "shard2"} {
		store, err := state.Open(filepath.Join(o.Directory, name), state.Options{})
		if err != nil {
			t.Fatalf("%s is still in use: %v", name, err)
		}
		store.Close()
	}
}

func TestInput(t *testing.T) {
	var out bytes.Buffer
	o := smallDemo(t, &out)
	o.Shards, o.Input = 2, filepath.Join(t.TempDir(), "input.jsonl")
	var lines strings.Builder
	for block := range "abcdefgh" {
		name := string(rune('a' + block))
		lines.WriteString(`{"block":"` + name + `","ops":[{"op":"credit","account":"` + name + `","amount":"5"}]}` + "\n")
		lines.WriteString(`{"block":"` + name + `","ops":[{"op":"transfer","from":"` + name + `","to":"z","amount":"2"}]}` + "\n")
	}
	if err := os.WriteFile(o.Input, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), o); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "8 blocks with 16 transactions run again") || !strings.Contains(out.String(), "balances add up to 40,") {
		t.Errorf("not the blocks of the file:\n%s", out.String())
	}
}
