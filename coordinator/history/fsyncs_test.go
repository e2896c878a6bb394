package history

import "testing"

// TestFsyncsAreCounted: an append forces the file twice, and a refused one not
// at all.
func TestFsyncsAreCounted(t *testing.T) {
	dir := t.TempDir()
	mustCreate(t, dir)
	h := mustOpen(t, dir)
	defer h.Close()
	must(t, h.Append(metaAt(1), chain(1)))
	first := h.Fsyncs()
	if first != 2 && first != 3 { // the file may have to grow at first
		t.Errorf("%d fsyncs of the first append, want 2 or 3", first)
	}
	must(t, h.Append(metaAt(2), chain(2)[1:]))
	if n := h.Fsyncs() - first; n != 2 {
		t.Errorf("%d fsyncs of an append, want 2", n)
	}
	if h.Append(metaAt(2), chain(2)[1:]) == nil {
		t.Error("a decision was taken twice")
	}
	if n := h.Fsyncs() - first; n != 2 {
		t.Errorf("%d fsyncs with a refused append, want 2", n)
	}
}
