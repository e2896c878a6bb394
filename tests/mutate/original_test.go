package mutate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/holiman/uint256"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// original is the stopped cluster whose copies are damaged: a coordinator and
// two shards. Shard 0 holds an attempt in doubt that is decided, shard 1 has
// committed it. The log of shard 1 was trimmed.
type original struct {
	dir string // sound directories, by node
	old string // the same at an earlier height
	// undecided has the same at a time when shard 0 held an attempt that was
	// not decided.
	undecided string
	truth     map[string]truth // by node
	pictures  map[string]*picture
	decisions *recovery.StoppedDecisions
	height    protocol.Height
}

// truth is what a start must bring back.
type truth struct {
	height  protocol.Height
	root    protocol.Digest
	dump    [32]byte // of all pairs
	inDoubt string
}

var nodes = []string{"shard0", "shard1", coordinatorName}

// scratch is a directory in memory, if the system has one: the cases force
// their files thousands of times.
func scratch(t testing.TB) string {
	t.Helper()
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		if dir, err := os.MkdirTemp("/dev/shm", "lockstep-mutate-"); err == nil {
			t.Cleanup(func() { os.RemoveAll(dir) })
			return dir
		}
	}
	return t.TempDir()
}

// makeOriginal runs the cluster.
func makeOriginal(t *testing.T) *original {
	t.Helper()
	base := scratch(t)
	o := &original{dir: filepath.Join(base, "now"), old: filepath.Join(base, "old"), undecided: filepath.Join(base, "undecided")}
	m := newMini(t, filepath.Join(base, "live"), 2)
	r := rand.New(rand.NewPCG(1, 2))
	m.startAll()
	m.commit(blocks(t, r, 30)...)
	m.awaitCheckpoints()
	m.stopAll()
	copyTree(t, m.dir, o.old)

	m.startAll()
	m.commit(blocks(t, r, 15)...)
	m.awaitCheckpoints()
	m.commit(blocks(t, r, 15)...)
	decided := m.uncertainCommit()
	m.stopAll()
	trim(t, m.path(shardName(1)))
	copyTree(t, m.dir, o.dir)

	m.uplinks[0].Heal()
	m.startAll()
	if a := <-decided; a.Block == nil {
		t.Fatalf("the block in doubt is %q: %s", a.Decision, a.Reason)
	}
	m.hold(lonely(t))
	m.stopAll()
	copyTree(t, m.dir, o.undecided)
	o.learn(t)
	return o
}

// awaitCheckpoints waits until everything that is committed is in the databases.
func (m *mini) awaitCheckpoints() {
	m.t.Helper()
	for i, s := range m.shards {
		m.await(fmt.Sprintf("shard %d has checkpointed", i), func() bool {
			return s.Status().Checkpointed >= protocol.Height(m.coordinator.Entry().GetHeight())
		})
	}
}

// hold submits a block, and has shard 0 vote on it and shard 1 not.
func (m *mini) hold(body []byte) <-chan client.Answer {
	m.t.Helper()
	m.await("both shards are there", func() bool { return m.coordinator.Ready() == nil })
	m.uplinks[1].HoldToward()
	answer := m.submit(body)
	m.await("shard 0 has voted", func() bool { return len(m.shards[0].Status().Prepared) == 1 && m.waitsFor(1) })
	return answer
}

// uncertainCommit has a block commit everywhere but on shard 0, which has voted
// and hears no more.
func (m *mini) uncertainCommit() <-chan client.Answer {
	m.t.Helper()
	answer := m.hold(lonely(m.t))
	m.uplinks[0].Cut()
	m.uplinks[1].Heal()
	m.await("the block is committed on shard 1", func() bool {
		return m.shards[1].Status().Committed.Height() > m.shards[0].Status().Committed.Height()
	})
	return answer
}

// waitsFor tells whether the only vote that is missing is that of a shard.
func (m *mini) waitsFor(shard uint32) bool {
	flight := m.coordinator.Entry().GetInFlight()
	return len(flight) == 1 && len(flight[0].GetWaitingFor()) == 1 && flight[0].GetWaitingFor()[0] == shard
}

// blocks makes transfers between accounts of both shards, and large values, so
// that the log has several segments.
func blocks(t *testing.T, r *rand.Rand, n int) (bodies [][]byte) {
	t.Helper()
	for range n {
		var ops [][]ledger.Op
		for range 3 {
			value := make([]byte, 48<<10)
			for i := range value {
				value[i] = byte(r.Uint32())
			}
			ops = append(ops, []ledger.Op{ledger.Put(fmt.Sprintf("key-%d", r.IntN(24)), value)})
		}
		for range 20 {
			from, to := fmt.Sprintf("account-%d", r.IntN(200)), fmt.Sprintf("account-%d", r.IntN(200))
			ops = append(ops, []ledger.Op{ledger.Credit(from, *uint256.NewInt(1000)), ledger.Transfer(from, to, *uint256.NewInt(r.Uint64N(900)))})
		}
		bodies = append(bodies, transactions(t, ops...))
	}
	return bodies
}

// lonely makes a block that a shard can prepare while the other is away: no
// transaction needs a value of another shard.
func lonely(t *testing.T) []byte {
	t.Helper()
	var ops [][]ledger.Op
	for i := range 40 {
		ops = append(ops, []ledger.Op{ledger.Put(fmt.Sprintf("lonely-%d", i), []byte("value"))})
	}
	return transactions(t, ops...)
}

// trim takes off the log what the database does not need any more, as the
// shard does when its log has grown.
func trim(t *testing.T, dir string) {
	t.Helper()
	o, err := executor.ReadOffline(dir)
	if err != nil {
		t.Fatal(err)
	}
	keep := o.Checkpoint.Log.Keep
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := wal.Open(filepath.Join(dir, "log"), wal.Options{ReserveBytes: 16 << 20})
	if err == nil {
		err = log.TrimFront(keep)
	}
	if err == nil {
		err = log.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// learn notes what is right, and checks that the tool finds nothing wrong.
func (o *original) learn(t *testing.T) {
	t.Helper()
	decisions, err := recovery.OpenDecisions(filepath.Join(o.dir, coordinatorName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { decisions.Close() })
	o.decisions, o.height, o.truth = decisions, decisions.Height(), map[string]truth{}
	o.pictures = map[string]*picture{}
	for _, node := range nodes {
		dir := filepath.Join(o.dir, node)
		o.pictures[node] = takePicture(t, dir)
		look, err := recovery.Verify(context.Background(), dir, recovery.VerifyOptions{Decisions: decisions})
		if err != nil {
			t.Fatal(err)
		}
		if !look.Sound {
			t.Fatalf("%s is not sound: %v", node, look.Findings)
		}
		if o.truth[node], err = read(dir, node); err != nil {
			t.Fatal(err)
		}
	}
	if o.truth[shardName(0)].inDoubt == "" {
		t.Fatal("shard 0 holds nothing in doubt")
	}
}

// read reads what a stopped node holds, all of it.
func read(dir, node string) (truth, error) {
	if node == coordinatorName {
		return readCoordinator(dir)
	}
	o, err := executor.ReadOffline(dir)
	if err != nil {
		return truth{}, err
	}
	defer o.Close()
	h := sha256.New()
	err = o.Scan(func(key, value []byte) error {
		fmt.Fprintf(h, "%d %d ", len(key), len(value))
		h.Write(key)
		h.Write(value)
		return nil
	})
	tr := truth{height: o.Committed().Height(), root: o.Committed().Root, dump: [32]byte(h.Sum(nil))}
	for _, p := range o.State.Prepared {
		tr.inDoubt += fmt.Sprintf("%s %s %x;", p.Attempt, p.Digest, sha256.Sum256(bytes.Join([][]byte{p.Writes, p.Pushed}, nil)))
	}
	return tr, err
}

func readCoordinator(dir string) (truth, error) {
	o, err := coordinator.ReadOffline(dir)
	if err != nil {
		return truth{}, err
	}
	defer o.Close()
	tr, h := truth{height: o.Height()}, sha256.New()
	if o.State.Decided != nil {
		tr.root = o.State.Decided.Root
	}
	for at := protocol.Height(1); at <= o.Height(); at++ {
		d, ok, err := o.Decision(at)
		if err != nil || !ok {
			return truth{}, fmt.Errorf("decision for height %d: %v %w", at, ok, err)
		}
		h.Write(protocol.EncodeRecord(d))
	}
	tr.dump = [32]byte(h.Sum(nil))
	for _, p := range o.State.Pending {
		tr.inDoubt += p.Key + ";"
	}
	return tr, nil
}

// copyTree copies directories. The zeros at the end of a file become a hole: a
// database has many, and the reserve of a log nothing else.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return writeSparse(filepath.Join(to, rel), content)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// writeSparse writes a new file.
func writeSparse(path string, content []byte) error {
	if err := os.WriteFile(path, content[:used(content)], 0o600); err != nil {
		return err
	}
	return os.Truncate(path, int64(len(content)))
}

// used is the length without the zeros at the end.
func used(content []byte) int { return len(bytes.TrimRight(content, "\x00")) }

// picture is a directory tree in memory, to make many copies of.
type picture struct {
	files map[string][]byte // without the zeros at the end
	sizes map[string]int64
	names []string
}

func takePicture(t testing.TB, dir string) *picture {
	t.Helper()
	p := &picture{files: map[string][]byte{}, sizes: map[string]int64{}}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		p.names = append(p.names, rel)
		p.sizes[rel], p.files[rel] = int64(len(content)), bytes.Clone(content[:used(content)])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// copyTo makes a copy in place of whatever is there.
func (p *picture) copyTo(t testing.TB, dir string) {
	t.Helper()
	err := os.RemoveAll(dir)
	for _, name := range p.names {
		path := filepath.Join(dir, name)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o700)
		}
		if err == nil {
			err = os.WriteFile(path, p.files[name], 0o600)
		}
		if err == nil {
			err = os.Truncate(path, p.sizes[name])
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
