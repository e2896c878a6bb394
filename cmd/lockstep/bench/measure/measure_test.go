package measure

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	var times []time.Duration
	for i := range 100 {
		times = append(times, time.Duration(i+1)*time.Millisecond)
	}
	for p, want := range map[float64]time.Duration{0: 1, 1: 1, 50: 50, 50.5: 51, 95: 95, 99: 99, 100: 100} {
		if got := Percentile(times, p); got != want*time.Millisecond {
			t.Errorf("p%v is %v, want %dms", p, got, want)
		}
	}
	if got := Percentile(nil, 99); got != 0 {
		t.Errorf("p99 of nothing is %v", got)
	}
	if got := Percentile(times[:1], 50); got != time.Millisecond {
		t.Errorf("p50 of one is %v", got)
	}
}

func TestPercentilesOf(t *testing.T) {
	got := PercentilesOf([]time.Duration{3 * time.Millisecond, 1500 * time.Microsecond, 2 * time.Millisecond})
	if want := (Percentiles{P50: 2, P95: 3, P99: 3, Max: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{4}, 4}, {[]float64{9, 1, 5}, 5}, {[]float64{8, 1, 4, 2}, 3}} {
		if got := Median(test.values); got != test.want {
			t.Errorf("median of %v is %v, want %v", test.values, got, test.want)
		}
	}
}

func TestParseStat(t *testing.T) {
	s, err := parseStat([]byte("42 (a b) c) R 7 1 1 0 -1 4194560 1 2 3 4 150 50 20 10 20 0 9 0 1 2 3"))
	if want := (stat{parent: 7, own: 2 * time.Second, children: 300 * time.Millisecond}); err != nil || s != want {
		t.Errorf("got %+v, %v; want %+v", s, err, want)
	}
	for _, bad := range []string{"", "42 (a) R 7", "42 a R 7 1 1 0 -1 4194560 1 2 3 4 x 50 20 10"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	before, err := Process(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for spin := 0; ; spin++ { // until a tick of the processor time has passed
		now, err := Process(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now.Sub(before).CPU > 0 {
			break
		}
	}
	tree, err := Tree(os.Getpid())
	if err != nil || tree.CPU <= before.CPU || tree.Peak < tree.Memory/2 || tree.Memory < 1<<20 {
		t.Errorf("the tree has used %+v, %v; the process had used %+v", tree, err, before)
	}
	if got := (Usage{Written: 5}).Sub(Usage{Written: -1}).Written; got != -1 {
		t.Errorf("what is not known becomes %d", got)
	}
}

func TestFsync(t *testing.T) {
	dir := t.TempDir()
	p, err := Fsync(t.Context(), dir)
	if err != nil || p.P50 <= 0 || p.P50 > p.Max {
		t.Errorf("%+v, %v", p, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestFileSystem(t *testing.T) {
	const mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp/a\\040b xfs rw 0 0\nx /over ext4 rw 0 0\ny /over btrfs rw 0 0\n"
	for path, want := range map[string]string{
		"/": "ext4", "/home/x": "ext4", "/tmp": "tmpfs", "/tmp/x": "tmpfs", "/tmpx": "ext4", "/tmp/a b/c": "xfs", "/over/x": "btrfs",
	} {
		if got := fileSystem(mounts, path); got != want {
			t.Errorf("%s is on %s, want %s", path, got, want)
		}
	}
}

func TestThisMachine(t *testing.T) {
	m := ThisMachine(t.TempDir())
	if m.Cores < 1 || m.Go == "" || m.System == "" {
		t.Errorf("%+v", m)
	}
	if runtime.GOOS == "linux" && (m.Kernel == "" || m.FileSystem == "" || m.Memory == 0) {
		t.Errorf("%+v", m)
	}
}
