package guard

import "time"

// relieve ends the connection that holds much for long, while all hold too much: that of
// the peer with the most. Somebody who sends a large block holds much for a moment;
// whoever wants to fill the memory has to hold it.
func (g *Guard) relieve() {
	if g.held.Load() <= g.limits.Memory {
		return
	}
	g.relieving.Lock() // else two would end two connections where one is enough
	defer g.relieving.Unlock()
	for g.held.Load() > g.limits.Memory {
		victim := g.hoarder()
		if victim == nil {
			return
		}
		g.punish(victim)
		victim.cut(Memory, "its calls hold more memory than there is for all: see whether it sends half messages, or takes no answers")
	}
}

// hoarder finds it; nil if nobody holds anything.
func (g *Guard) hoarder() (victim *conn) {
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	var most int64
	var heaviest *group
	for _, gr := range g.groups {
		if held := gr.held(); held > most {
			most, heaviest = held, gr
		}
	}
	if heaviest == nil {
		return nil
	}
	worst := -1.0
	for c := range heaviest.conns {
		if m := c.meter.Load(); m != nil {
			if score := m.hoards(now); score > worst {
				victim, worst = c, score
			}
		}
	}
	return victim
}

func (gr *group) held() (bytes int64) {
	for c := range gr.conns {
		if m := c.meter.Load(); m != nil {
			bytes += m.held.Load()
		}
	}
	return bytes
}

// much is from how many bytes on it counts for how long they are held. Long-lived calls
// hold some hundred kilobytes that the other side may send ahead.
const much = 4 << 20

// hoards is how many bytes are held for how long, in byte seconds.
func (m *meter) hoards(now time.Time) float64 {
	seconds := 1e-6
	if since := m.since.Load(); since != 0 {
		seconds = max(seconds, now.Sub(time.Unix(0, since)).Seconds())
	}
	return float64(m.held.Load()) * seconds
}
