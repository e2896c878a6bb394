package guard

import (
	"net/http"
	"net/netip"
)

// Classes of pages. Those who watch one that goes on for long are a Feed.
const (
	Scrape Class = "scrape" // all metrics
	Page   Class = "page"   // whatever else is answered at once
)

const pagesSentence = "your address asks for pages too often: wait a second, and ask less often"

var underWaySentence = map[Class]string{
	Scrape: "as many scrapes are under way as there may be, in all or of one peer: read each answer to its end before you ask again",
	Feed:   "as many watch as there may be, in all or of one peer: close a page of the dashboard that nobody looks at",
	Page:   "as many pages are under way as there may be, in all or of one peer: wait for some to end",
}

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

// PagesUnderWay bounds the pages that are under way at one time until the last byte is
// written, by class: in all and of one peer. classOf tells of which class a path is, ""
// for what is always answered. name says who has proven to ask; "" for nobody, whose
// address counts then.
func (g *Guard) PagesUnderWay(pages http.Handler, classOf func(path string) Class, name func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		class := classOf(r.URL.Path)
		if class == "" {
			pages.ServeHTTP(w, r)
			return
		}
		key := name(r)
		if key == "" {
			key = keyOfRemote(r.RemoteAddr)
		}
		if !g.begin(class, key) {
			sentence := underWaySentence[class]
			g.refusals.Add(TooManyPages, r.RemoteAddr, "a page", "%s", sentence)
			w.Header().Set("Retry-After", "1")
			http.Error(w, sentence, http.StatusTooManyRequests)
			return
		}
		defer g.end(class, key)
		pages.ServeHTTP(w, r)
	})
}

// keyOfRemote is the peer that an address of a request stands for.
func keyOfRemote(from string) string {
	at, err := netip.ParseAddrPort(from)
	if err != nil {
		return from
	}
	return keyOf(at.Addr().Unmap())
}
