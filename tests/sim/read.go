package sim

import "github.com/lockstep-exec/lockstep/protocol"

// read reads several keys on several shards, as of one height: the newest that
// is decided, one below it, or the newest of each shard.
func (w *world) read(c chooser) {
	at := w.height()
	switch {
	case c.percent(20):
		at = 0
	case at > 0 && c.percent(40):
		at = protocol.Height(c.between(max(1, int(at)-6), int(at)))
	}
	keys := make([][][]byte, len(w.shards))
	for range c.between(1, 6) {
		if key := w.anyKey(c); key != nil {
			s := w.config.Slots.Owner(key)
			keys[s] = append(keys[s], key)
		}
	}
	for _, s := range w.shards {
		if p := s.process; p != nil && len(keys[s.id]) > 0 && !p.core.Status().Config.IsZero() {
			if w.checkRead(p, keys[s.id], at) {
				w.count("reads")
			} else {
				w.count("reads refused")
			}
		}
	}
}

// anyKey gives a key of a block that was submitted, or nil while there is none.
func (w *world) anyKey(c chooser) []byte {
	if len(w.contents) == 0 {
		return nil
	}
	t := one(c, one(c, w.contents).transactions)
	return one(c, t.Access).Key
}
