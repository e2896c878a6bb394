package attack

import (
	"encoding/binary"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// neverRead opens streams with much to be told, and has no room for it.
func neverRead(h *hand) string {
	coordinator := h.Coordinators[h.rand.IntN(coordinators)].Address
	l, ended := h.lineTo(h.insider(), coordinator, http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(h.rand.IntN(2))})
	if l == nil {
		return ended
	}
	_ = l.write(func() error { // end tells how it went
		for range 100 {
			name, request := "Watch", proto.Message(&wirepb.WatchRequest{FromHeight: 1, IncludeOutcomes: true})
			if h.rand.IntN(2) == 0 {
				name, request = "ListBlocks", &wirepb.ListBlocksRequest{FromHeight: 1, Limit: 1000, IncludeOutcomes: true}
			}
			if err := l.ask("/lockstep.v1.CoordinatorService/"+name, request); err != nil {
				return err
			}
		}
		return nil
	})
	return l.end(5 * time.Second)
}

// ask opens a stream and sends one message, and the end.
func (l *line) ask(path string, m proto.Message) error {
	b, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	if err := l.open(l.headers(path)); err != nil {
		return err
	}
	head := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b)))
	return l.framer.WriteData(l.stream-1, true, append(head, b...))
}

// leftAlone opens streams of a method and says nothing on them, not even a hello.
func leftAlone(h *hand) string {
	l, ended := h.line()
	if l == nil {
		return ended
	}
	path := h.somePath()
	if h.rand.IntN(3) == 0 { // of sessions there are few
		path = "/lockstep.v1.SessionService/Open"
	}
	_ = l.write(func() error { // end tells how it went
		for range 200 {
			if err := l.open(l.headers(path)); err != nil {
				return err
			}
		}
		return nil
	})
	return l.end(10 * time.Second)
}

// neverReadEvents watches the dashboard of one coordinator, as more than it has room for,
// and does not read what it is told.
func neverReadEvents(h *hand) string {
	c, err := h.dialAs(h.face(), h.Coordinator.HTTP)
	if err != nil {
		return h.outcome(err)
	}
	defer c.Close()
	if err := write(c, []byte("GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		return h.outcome(err)
	}
	timer := time.NewTimer(30 * time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-h.ctx.Done():
	}
	return h.await(c, time.Second)
}
