package state

import "testing"

// TestFsyncsAreCounted: a checkpoint that fits into the file forces it twice;
// one for which the file grows, three times.
func TestFsyncsAreCounted(t *testing.T) {
	s, _ := makeStore(t, Options{})
	for h, c := range []struct {
		value string
		want  int64
	}{{"small", 2}, {string(make([]byte, 1<<20)), 3}, {"small", 2}} {
		before, length := s.Stats().Fsyncs, s.db.length()
		advance(t, s, put("key", c.value))
		flushTo(t, s, s.CommittedHeight())
		if got := s.Stats().Fsyncs - before; got != c.want {
			t.Errorf("checkpoint %d: %d fsyncs, want %d; the file grew by %d bytes", h+1, got, c.want, s.db.length()-length)
		}
	}
}
