package wal

import (
	"encoding/binary"
	"path/filepath"
	"testing"
)

// entryOf is what a segment holds for a record.
func entryOf(h header, body []byte) []byte {
	h.length, h.bodySum = uint32(len(body)), checksum(body)
	frame := appendFrame(nil, h, body)
	return append(binary.AppendUvarint(nil, uint64(len(frame))), frame...)
}

// TestSoundFramesOutOfPlace puts frames behind the end of a log that are sound
// and do not belong there. No crash does that, so nothing is cut.
func TestSoundFramesOutOfPlace(t *testing.T) {
	s, h := unsynced(t, Options{}, 10, 10)
	id := ID(s[metaName][8:24])
	if id == (ID{}) {
		id = ID(s[metaName][slotStride+8:])
	}
	dir := filepath.Join(scratch(t), "log")
	for what, tc := range map[string]struct {
		header
		want outcome
	}{
		"the next":              {header{typ: 1, id: id, seq: 11, durable: 10}, whole},
		"the last once more":    {header{typ: 1, id: id, seq: 10, durable: 9}, refused},
		"one is left out":       {header{typ: 1, id: id, seq: 12, durable: 10}, refused},
		"of another log":        {header{typ: 1, id: ID{1}, seq: 11, durable: 10}, refused},
		"with a durable record": {header{typ: 1, id: id, seq: 11, durable: 11}, refused},
		"without a type":        {header{typ: 0, id: id, seq: 11, durable: 10}, refused},
	} {
		changed := snapshot{metaName: s[metaName], markName: s[markName]}
		changed[segmentName(1)] = append(append([]byte{}, s[segmentName(1)]...), entryOf(tc.header, []byte("body"))...)
		changed.restore(t, dir)
		h.records[11] = Record{Type: 1, Data: []byte("body")}
		if got := h.check(t, dir, Options{}); got != tc.want {
			t.Errorf("%s: %s", what, got)
		}
	}

	// What was durable once stays durable.
	falling := append(entryOf(header{typ: 1, id: id, seq: 11, durable: 10}, nil), entryOf(header{typ: 1, id: id, seq: 12, durable: 9}, nil)...)
	s[segmentName(1)] = append(s[segmentName(1)], falling...)
	s.restore(t, dir)
	if got := h.check(t, dir, Options{}); got != refused {
		t.Errorf("durable falls: %s", got)
	}
}

// TestFramesInsideRecords: a log may carry pieces of logs as data, its own and
// others'. In a torn record they prove nothing about that record.
func TestFramesInsideRecords(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	l := mustOpen(t, dir, Options{})
	appendRun(t, l, 0, 10)
	must(t, l.Sync())
	own := take(t, dir)[segmentName(1)]
	other := entryOf(header{typ: 1, id: ID{1}, seq: 100, durable: 99}, []byte("of another log"))
	_, err := l.Append(Record{Type: 1, Data: append(append(own, other...), make([]byte, 100)...)})
	must(t, err)
	s, h := take(t, dir), historyOf(10, 10)
	must(t, l.Close())
	s[segmentName(1)] = s[segmentName(1)][:len(s[segmentName(1)])-1]
	s.restore(t, dir)
	if got := h.check(t, dir, Options{}); got != whole {
		t.Error(got)
	}
}
