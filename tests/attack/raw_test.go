package attack

import (
	"encoding/binary"
	"net"
	"time"
)

// beginnings are what a server may take for the start of something.
var beginnings = []string{
	"", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /status HTTP/1.1\r\n", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "\x16\x03\x01", "\x16\x03\x01\x3f\xff\x01",
}

// randomBytes sends random bytes behind the beginning of something.
func randomBytes(h *hand) string {
	return h.throw(h.anyPort(), append([]byte(beginnings[h.rand.IntN(len(beginnings))]), h.bytes(1+h.rand.IntN(32<<10))...), time.Second)
}

// throw sends bytes and waits for what comes of it.
func (h *hand) throw(address string, b []byte, within time.Duration) string {
	c, err := h.dial(address)
	if err != nil {
		return h.outcome(err)
	}
	defer c.Close()
	if err := write(c, b); err != nil {
		return h.outcome(err)
	}
	return h.await(c, within)
}

func write(c net.Conn, b []byte) error {
	if err := c.SetWriteDeadline(time.Now().Add(dialTimeout)); err != nil {
		return err
	}
	_, err := c.Write(b)
	return err
}

// sayNothing connects and waits to be sent away.
func sayNothing(h *hand) string { return h.throw(h.anyPort(), nil, time.Minute) }

// slowHeaders sends the beginning of a request a byte at a time.
func slowHeaders(h *hand) string {
	c, err := h.dialAs(h.face(), h.anyPort())
	if err != nil {
		return h.outcome(err)
	}
	defer c.Close()
	text := "GET /status HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
	if h.rand.IntN(2) == 0 {
		text = beginnings[1]
	}
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for i := 0; ; i++ {
		one := []byte{'x'}
		if i < len(text) {
			one[0] = text[i]
		}
		if err := write(c, one); err != nil {
			return h.outcome(err)
		}
		select {
		case <-ticker.C:
		case <-h.ctx.Done():
			return cut
		}
	}
}

// tlsGarbage sends what looks like TLS, and is not.
func tlsGarbage(h *hand) string {
	record := func(kind byte, length int, body []byte) []byte {
		return append([]byte{kind, 3, 1, byte(length >> 8), byte(length)}, body...)
	}
	var b []byte
	switch h.rand.IntN(5) {
	case 0: // a hello that claims to go on for 16 MiB
		b = append(record(22, 16384, []byte{1, 0xff, 0xff, 0xff}), h.bytes(16380)...)
	case 1: // one hello in pieces of a byte
		for _, one := range append([]byte{1, 0, 1, 0, 3, 3}, h.bytes(200)...) {
			b = append(b, record(22, 1, []byte{one})...)
		}
	case 2: // alerts
		for range 100 {
			b = append(b, record(21, 2, []byte{1, 90})...)
		}
	case 3: // a hello with random extensions
		body := append([]byte{1, 0, 1, 44, 3, 3}, h.bytes(32)...)
		body = append(body, 0, 0, 2, 0x13, 1, 1, 0)
		body = binary.BigEndian.AppendUint16(body, 257)
		b = record(22, len(body)+257, append(body, h.bytes(257)...))
	default: // records of no kind
		b = record(byte(h.rand.UintN(256)), 65535, h.bytes(2000))
	}
	return h.throw(h.anyPort(), b, time.Second)
}
