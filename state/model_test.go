package state

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

// model is the store in the plainest form: one map a height.
type model struct {
	dir        string
	store      *Store
	heights    []pairs                                // by height, up to the highest staged
	writes     map[protocol.Height][]protocol.WriteOp // of the same heights
	committed  protocol.Height
	checkpoint Checkpoint
	views      []modelView
}

type modelView struct {
	*View
	want    pairs
	dropped bool
}

const modelKeys = 12

func drawWrites(t *rapid.T) (writes []protocol.WriteOp) {
	for k := range modelKeys {
		key := fmt.Sprintf("key/%02d", k)
		switch rapid.SampledFrom([]string{"", "", "put", "put", "empty", "delete"}).Draw(t, key) {
		case "put":
			size := rapid.SampledFrom([]int{1, 10, 5000}).Draw(t, "size") // 5000 needs an overflow page
			fill := rapid.Byte().Draw(t, "fill")
			value := make([]byte, size)
			for i := range value {
				value[i] = fill
			}
			writes = append(writes, put(key, string(value)))
		case "empty":
			writes = append(writes, put(key, ""))
		case "delete":
			writes = append(writes, del(key))
		}
	}
	return writes
}

func (m *model) top() protocol.Height { return protocol.Height(len(m.heights) - 1) }

func (m *model) record(h protocol.Height) protocol.Committed {
	if h == 0 {
		return protocol.Committed{}
	}
	return protocol.Committed{Attempt: attempt(h), Digest: m.heights[h].digest()}
}

func (m *model) Stage(t *rapid.T) {
	h, writes := m.top()+1, drawWrites(t)
	must(t, m.store.Stage(h, writes))
	next := maps.Clone(m.heights[h-1])
	next.apply(writes)
	m.heights, m.writes[h] = append(m.heights, next), writes
}

func (m *model) StageOutOfTurn(t *rapid.T) {
	h := protocol.Height(rapid.Uint64Range(0, uint64(m.top())+3).Draw(t, "height"))
	if h == m.top()+1 {
		t.Skip("in turn")
	}
	wantErr(t, m.store.Stage(h, nil), ErrOrder)
}

func (m *model) Drop(t *rapid.T) {
	from := protocol.Height(rapid.Uint64Range(0, uint64(m.top())+1).Draw(t, "from"))
	m.store.Drop(from)
	from = max(from, m.committed+1)
	if from > m.top() {
		return
	}
	m.heights = m.heights[:from]
	for i, v := range m.views {
		m.views[i].dropped = v.dropped || v.asOf >= from
	}
}

func (m *model) Commit(t *rapid.T) {
	if m.committed == m.top() {
		wantErr(t, m.store.Commit(committed(m.committed+1)), ErrOrder)
		return
	}
	m.committed++
	must(t, m.store.Commit(m.record(m.committed)))
}

func (m *model) CommitOutOfTurn(t *rapid.T) {
	h := protocol.Height(rapid.Uint64Range(0, uint64(m.top())+3).Draw(t, "height"))
	if h == m.committed+1 {
		t.Skip("in turn")
	}
	wantErr(t, m.store.Commit(committed(h)), ErrOrder)
}

func (m *model) Flush(t *rapid.T) {
	upTo := protocol.Height(rapid.Uint64Range(uint64(m.checkpoint.Height()), uint64(m.committed)).Draw(t, "upTo"))
	next := m.checkpoint
	next.Epoch++
	next.Log.Keep = uint64(upTo) * 2
	next.Committed = m.record(upTo)
	must(t, m.store.Flush(background, upTo, next.Log, next.Config, next.Epoch))
	m.checkpoint = next
}

func (m *model) FlushRefused(t *rapid.T) {
	cp := m.checkpoint
	wantErr(t, m.store.Flush(background, m.committed+1, cp.Log, cp.Config, cp.Epoch), ErrNotCommitted)
	if cp.Height() > 0 {
		wantErr(t, m.store.Flush(background, cp.Height()-1, cp.Log, cp.Config, cp.Epoch), ErrOrder)
	}
	if cp.Epoch > 0 {
		wantErr(t, m.store.Flush(background, m.committed, cp.Log, cp.Config, cp.Epoch-1), ErrOrder)
	}
}

func (m *model) OpenView(t *rapid.T) {
	asOf := protocol.Height(rapid.Uint64Range(0, uint64(m.top())+2).Draw(t, "asOf"))
	forClient := rapid.Bool().Draw(t, "client")
	open, limit, above := m.store.View, m.top(), ErrNotStaged
	if forClient {
		open, limit, above = m.store.ViewCommitted, m.committed, ErrNotCommitted
	}
	v, err := open(asOf)
	switch {
	case asOf > limit:
		wantErr(t, err, above)
	case asOf < m.checkpoint.Height():
		wantErr(t, err, ErrPruned)
	default:
		must(t, err)
		m.views = append(m.views, modelView{View: v, want: m.heights[asOf]})
	}
}

func (m *model) CloseView(t *rapid.T) {
	if len(m.views) == 0 {
		t.Skip("none open")
	}
	i := rapid.IntRange(0, len(m.views)-1).Draw(t, "view")
	m.views[i].Close()
	m.views = append(m.views[:i], m.views[i+1:]...)
}

func (m *model) Release(*rapid.T) { m.store.release() }

func (m *model) Scan(t *rapid.T) {
	got, at := scanAll(t, m.store)
	if at != m.record(m.committed) {
		t.Fatalf("scan of %v, want %v", at, m.record(m.committed))
	}
	if want := m.heights[m.committed]; !maps.Equal(got, want) {
		t.Fatalf("scan gives %v, want %v", got, want)
	}
}

// Restart opens anew and replays the log above the checkpoint, perhaps only in
// part before the next restart, as often as it likes.
func (m *model) Restart(t *rapid.T) {
	for range rapid.IntRange(1, 3).Draw(t, "restarts") {
		must(t, m.store.Close())
		m.views = nil
		m.verifyFile(t)
		m.open(t)
		top := rapid.Uint64Range(uint64(m.checkpoint.Height()), uint64(m.top())).Draw(t, "replayed")
		m.replay(t, protocol.Height(top))
	}
	m.replay(t, m.top())
}

func (m *model) replay(t *rapid.T, top protocol.Height) {
	for h := m.store.StagedHeight() + 1; h <= top; h++ {
		must(t, m.store.Stage(h, m.writes[h]))
	}
	for h := m.store.CommittedHeight() + 1; h <= min(top, m.committed); h++ {
		must(t, m.store.Commit(m.record(h)))
	}
}

func (m *model) open(t *rapid.T) {
	s, err := Open(m.dir, Options{})
	must(t, err)
	m.store = s
}

// verifyFile proves that the file is the state at the checkpoint.
func (m *model) verifyFile(t *rapid.T) {
	report := verified(t, m.dir)
	want := m.heights[m.checkpoint.Height()]
	if report.Pairs != uint64(len(want)) || report.Digest != want.digest() {
		t.Fatalf("file has %d pairs, digest %v; want %v", report.Pairs, report.Digest, want)
	}
}

// Check runs after every operation.
func (m *model) Check(t *rapid.T) {
	m.checkFigures(t)
	for _, v := range m.views {
		for k := range modelKeys {
			key := fmt.Sprintf("key/%02d", k)
			value, ok, err := v.Get([]byte(key))
			if v.dropped {
				wantErr(t, err, ErrDropped)
				continue
			}
			must(t, err)
			if want, present := v.want[key]; ok != present || string(value) != want {
				t.Fatalf("as of height %d: %s is %q (%t), want %q (%t)", v.asOf, key, value, ok, want, present)
			}
		}
	}
}

func (m *model) checkFigures(t *rapid.T) {
	st, cp := m.store.Stats(), m.store.Checkpoint()
	if st.Staged != m.top() || st.Committed != m.committed || st.Checkpointed != m.checkpoint.Height() || st.OpenViews != len(m.views) {
		t.Fatalf("%+v, want heights %d, %d, %d and %d views", st, m.top(), m.committed, m.checkpoint.Height(), len(m.views))
	}
	if cp.Log != m.checkpoint.Log || cp.Epoch != m.checkpoint.Epoch || cp.Committed != m.checkpoint.Committed {
		t.Fatalf("checkpoint %+v, want %+v", cp, m.checkpoint)
	}
	if m.store.PendingHeights() != int(m.committed-m.checkpoint.Height()) {
		t.Fatalf("%d heights pending", m.store.PendingHeights())
	}
	for _, figure := range []struct {
		bytes int64
		empty bool
	}{{st.StagedBytes, m.top() == m.committed}, {st.PendingBytes, m.committed == m.checkpoint.Height()}} {
		if figure.bytes < 0 || figure.empty && figure.bytes != 0 {
			t.Fatalf("figures do not add up: %+v", st)
		}
	}
	if len(m.views) == 0 {
		m.checkMemory(t)
	}
}

// checkMemory makes sure that nothing checkpointed stays in memory when no
// view is open.
func (m *model) checkMemory(t *rapid.T) {
	m.store.release()
	keys := map[string]bool{}
	for h := m.checkpoint.Height() + 1; h <= m.top(); h++ {
		for _, w := range m.writes[h] {
			keys[string(w.Key)] = true
		}
	}
	if n := m.store.table.keyCount(); n != len(keys) || m.store.Stats().PinnedBytes != 0 {
		t.Fatalf("%d keys in memory, %d pinned bytes; want %d, 0", n, m.store.Stats().PinnedBytes, len(keys))
	}
}

func wantErr(t tb, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func TestStoreAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "state")
		must(t, err)
		defer os.RemoveAll(dir)
		must(t, Create(dir, Checkpoint{Shard: 2}, Options{}))
		m := &model{dir: dir, heights: []pairs{{}}, writes: map[protocol.Height][]protocol.WriteOp{}, checkpoint: Checkpoint{Shard: 2}}
		m.open(t)
		actions := rapid.StateMachineActions(m)
		for _, often := range []string{"Stage", "Commit", "Flush"} { // else few heights come about
			actions[often+"Again"] = actions[often]
		}
		t.Repeat(actions)
		must(t, m.store.Close())
		m.verifyFile(t)
	})
}
