package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestFaults kills one shard with a log behind it and keeps another one away:
// the load goes on afterwards, and every byte is what it should be.
func TestFaults(t *testing.T) {
	var out bytes.Buffer
	o := small(t, &out)
	o.Duration, o.Blocks, o.Verify = 0, 20, true
	o.Restart, o.RestartLog, o.Away = true, 1<<20, 2*awayPatience
	r := run(t, o, &out)
	s := r.Restart
	if s == nil || s.Shards != o.Shards || s.Log < o.RestartLog || s.Database == 0 || s.Heights == 0 || s.Ready <= 0 || s.Read <= 0 || s.Ratio != s.Ready/s.Read {
		t.Errorf("restart %+v", s)
	}
	a := r.Away
	if a == nil || a.Shard != "shard1" || len(a.Survivors) != 2 || a.Repeated == 0 || a.Resumed <= 0 || a.Blocks < o.Pipeline {
		t.Fatalf("away %+v", a)
	}
	for _, s := range a.Survivors {
		if s.First == 0 || s.Last == 0 || s.Peak < s.First || s.Peak < s.Last {
			t.Errorf("survivor %+v", s)
		}
	}
	if !r.Checks.Proof || r.Checks.Height < 20+s.Heights {
		t.Errorf("checks %+v", r.Checks)
	}
}

// TestRestartOfSeveralCoordinators kills them all: each comes back at its address.
func TestRestartOfSeveralCoordinators(t *testing.T) {
	var out bytes.Buffer
	o := small(t, &out)
	o.Coordinators, o.Duration, o.Blocks, o.Verify = 3, 0, 20, true
	o.Restart, o.RestartLog = true, 1<<20
	r := run(t, o, &out)
	if r.Restart == nil || r.Restart.Shards != o.Shards || r.Restart.Ready <= 0 || !r.Checks.Proof {
		t.Errorf("restart %+v, checks %+v", r.Restart, r.Checks)
	}
}

func TestReadAll(t *testing.T) {
	dir := t.TempDir()
	for name, n := range map[string]int{"a": 300_000, "b": 7, "RESERVE": 1000} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := readAll(dir); n != 300_007 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if n, err := bytesIn(dir); n != 300_007 || err != nil {
		t.Errorf("there are %d bytes, %v", n, err)
	}
	if n, err := bytesIn(filepath.Join(dir, "nothing")); n != 0 || err != nil {
		t.Errorf("nothing has %d bytes, %v", n, err)
	}
}

func TestMemoryOfAWhile(t *testing.T) {
	var p Process
	for i := range 100 { // 100 s; 5 more bytes each second
		p.Points = append(p.Points, Point{At: float64(i) + 0.5, Memory: int64(1000 + 5*i)})
	}
	p.flatness(100)
	if p.Early != 1147 || p.Late != 1447 || p.Growth() != "+26%" {
		t.Errorf("early %d, late %d, %s", p.Early, p.Late, p.Growth())
	}
	all := survivorsOf(&watch{which: []watched{{name: "a"}}, points: [][]Point{p.Points}}, 100, 10)
	if len(all) != 1 || all[0] != (Survivor{Name: "a", First: 1022, Last: 1472, Peak: 1495}) {
		t.Errorf("%+v", all)
	}
	if meanMemory(nil, 0, 1) != 0 || growth(0, 5) != "-" {
		t.Error("nothing grows")
	}
}

func TestReplace(t *testing.T) {
	c := make(chan int, 1)
	for i := range 3 {
		replace(c, i)
	}
	if n, err := awaitBlocks(t.Context(), c, 2); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// TestPageOfFaults shows what became of the shards.
func TestPageOfFaults(t *testing.T) {
	r := reported()
	r.Restart = &Restart{Shards: 4, Log: 1 << 20, Heights: 7, Read: 0.05, Ready: 0.5, Ratio: 10}
	r.Away = &Away{Shard: "shard3", Seconds: time.Minute.Seconds(), Window: 12, Repeated: 1, Survivors: []Survivor{{"shard1", 10 << 20, 20 << 20, 30 << 20}}}
	var page, tables bytes.Buffer
	if err := WriteHTML(&page, r); err != nil {
		t.Fatal(err)
	}
	if err := writeTables(&tables, r); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"up to 7 blocks ahead of their databases", "10.0 times as long", "shard3 was away for 60s", "100%", "30.0 MiB"} {
		if !bytes.Contains(tables.Bytes(), []byte(text)) || !bytes.Contains(page.Bytes(), []byte(text)) {
			t.Errorf("table or page lack %q:\n%s", text, tables.String())
		}
	}
}
