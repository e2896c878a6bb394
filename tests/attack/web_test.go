package attack

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// oddRequests sends requests that servers and proxies are known to disagree on.
func oddRequests(h *hand) string {
	long := strings.Repeat("a", 40<<10)
	requests := []string{
		"POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
		"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
		"POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999999\r\nExpect: 100-continue\r\n\r\n",
		"GET /status HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n",
		"GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		"GET http://127.0.0.1:1/status HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n",
		"GET /status HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
		"GET /" + long + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /status HTTP/1.1\r\nHost: localhost\r\nX-Long: " + long + "\r\n\r\n",
		"GET /status HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X: y\r\n", 5000) + "\r\n",
		"GET /status HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n folded\r\nX\x00: c\r\n\r\n",
		"GET /status HTTP/9.9\r\n\r\n",
		"get\t/status\r\n\r\n",
		strings.Repeat("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 50),
		"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\nPUT /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
	}
	return h.request(h.face(), requests[h.rand.IntN(len(requests))])
}

// oddPaths asks for what is not among the pages.
func oddPaths(h *hand) string {
	path := []string{
		"/../../../../etc/passwd", "/static/../../../../etc/passwd", "/static/..%2f..%2f..%2f..%2fetc%2fpasswd", "/static/%2e%2e/%2e%2e/etc/passwd",
		"//etc/passwd", "/static//etc/passwd", "/static/..\\..\\etc\\passwd", "/static/%00", "/static/app.js/../../../etc/passwd",
		"/proc/self/environ", "/debug/pprof/", "/.git/config", "/tls.key", "/%ff%fe", "/api/block?key=%00&height=18446744073709551616",
		"/api/blocks?before=-1", "/api/blocks?before=18446744073709551615", "/api/history?every=1e9", "/api/block?height=1&height=2", "/api/block?key=" + strings.Repeat("k", 2000),
		"/livez/../metrics", "/readyz;/metrics", "/status?callback=alert",
	}[h.rand.IntN(23)]
	return h.request(h.face(), "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

// secrets are in no page.
var secrets = []string{"root:x:", "PRIVATE KEY", "PATH=", "/debug/pprof/profile"}

// request sends text to a page and gives how the first answer began, which must hold no
// secret, and nothing at all for whoever may not look.
func (h *hand) request(f face, text string) string {
	address := h.web()
	if h.rand.IntN(2) == 0 {
		address = h.dashboard()
	}
	c, err := h.dialAs(f, address)
	if err != nil {
		return h.outcome(err)
	}
	defer c.Close()
	if err := write(c, []byte(text)); err != nil {
		return h.outcome(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(dialTimeout)); err != nil {
		return h.outcome(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return h.outcome(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	for _, secret := range secrets {
		if strings.Contains(string(body), secret) {
			h.accuse(fmt.Errorf("the answer to %.100q holds %q", text, secret))
		}
	}
	if !f.looks && answer.StatusCode < 300 {
		h.accuse(fmt.Errorf("%s got an answer to %.100q: %s", f.name, text, answer.Status))
	}
	if err != nil {
		return h.outcome(err)
	}
	return fmt.Sprint(answer.StatusCode)
}
