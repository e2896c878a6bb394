package attack

import (
	"encoding/binary"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// floodFrames is how many frames a flood has.
const floodFrames = 5000

// somePath draws a method that is there.
func (h *hand) somePath() string {
	all := methods()
	return all[h.rand.IntN(len(all))].path()
}

// floodResets opens streams and resets them at once.
func floodResets(h *hand) string {
	path := h.somePath()
	return h.flood(floodFrames/2, func(l *line, _ int) error {
		if err := l.open(l.headers(path)); err != nil {
			return err
		}
		return l.framer.WriteRSTStream(l.stream-1, http2.ErrCodeCancel)
	})
}

func floodPings(h *hand) string {
	return h.flood(floodFrames, func(l *line, i int) error {
		var data [8]byte
		binary.BigEndian.PutUint64(data[:], uint64(i))
		return l.framer.WritePing(i%7 == 0, data)
	})
}

func floodSettings(h *hand) string {
	return h.flood(floodFrames, func(l *line, i int) error {
		if i%7 == 0 {
			return l.framer.WriteSettingsAck()
		}
		return l.framer.WriteSettings(
			http2.Setting{ID: http2.SettingInitialWindowSize, Val: l.rand.Uint32() >> 1},
			http2.Setting{ID: http2.SettingHeaderTableSize, Val: l.rand.Uint32()},
			http2.Setting{ID: http2.SettingID(l.rand.UintN(1 << 16)), Val: l.rand.Uint32()},
		)
	})
}

// floodWindows opens windows bit by bit, and now and then too far.
func floodWindows(h *hand) string {
	step := uint32(1)
	if h.rand.IntN(2) == 0 {
		step = 1<<31 - 1
	}
	return h.flood(floodFrames, func(l *line, i int) error {
		return l.framer.WriteWindowUpdate(uint32(l.rand.IntN(2)*l.rand.IntN(100)), step)
	})
}

// floodContinuations sends headers that never end.
func floodContinuations(h *hand) string {
	return h.flood(floodFrames/5, func(l *line, i int) error {
		if i == 0 {
			return l.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: l.headers(h.somePath())})
		}
		l.block.Reset()
		_ = l.encoder.WriteField(hpack.HeaderField{Name: "x-more", Value: strings.Repeat("y", 1000), Sensitive: true}) // to memory
		return l.framer.WriteContinuation(1, false, l.block.Bytes())
	})
}

// floodEmpty sends frames that carry nothing.
func floodEmpty(h *hand) string {
	return h.flood(floodFrames, func(l *line, i int) error {
		switch {
		case i == 0:
			return l.open(l.headers(h.somePath()))
		case i%2 == 0:
			return l.framer.WriteData(1, false, nil)
		}
		return l.framer.WritePriority(uint32(2*i+1), http2.PriorityParam{StreamDep: uint32(i), Weight: 7})
	})
}

// randomFrames sends frames of any kind, with any flags, on any stream, with any content.
func randomFrames(h *hand) string {
	return h.flood(1+h.rand.IntN(50), func(l *line, i int) error {
		if i%10 == 0 {
			if err := l.open(l.headers(h.somePath())); err != nil {
				return err
			}
		}
		kind := http2.FrameType(l.rand.UintN(12))
		return l.framer.WriteRawFrame(kind, http2.Flags(l.rand.UintN(256)), uint32(l.rand.UintN(20)), l.bytes(l.rand.IntN(64)))
	})
}
