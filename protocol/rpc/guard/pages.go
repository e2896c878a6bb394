package guard

import (
	"net/http"
	"net/netip"
)

const pagesSentence = "your address asks for pages too often: wait a second, and ask less often"

// Pages bounds how often one address sees the pages of a handler. Probes, which cost
// next to nothing, are always answered.
func (g *Guard) Pages(pages http.Handler, isProbe func(path string) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isProbe(r.URL.Path) && !g.page(r.RemoteAddr) {
			g.refusals.Add(TooManyPages, r.RemoteAddr, "a page", "%s", pagesSentence)
			w.Header().Set("Retry-After", "1")
			w.Header().Set("Connection", "close") // new ones are few as well
			http.Error(w, pagesSentence, http.StatusTooManyRequests)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// page reports whether an address may see another page.
func (g *Guard) page(from string) bool {
	at, err := netip.ParseAddrPort(from)
	if err != nil {
		return true // no address of a network
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.group(keyOf(at.Addr().Unmap())).pages.take(g.now())
}
