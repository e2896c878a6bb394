package serve

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
)

const otherHostSentence = "this address is for programs of this machine, and they have no other name for it: ask for localhost or 127.0.0.1"

// ofThisMachine keeps pages that loopback alone protects from those of other sites: a
// browser lets a site read whatever its name leads to, and that may be loopback (DNS
// rebinding). Who asks at such an address has to call it localhost, by the name of the
// machine or an address, or nothing, as no browser does. Elsewhere every name is taken;
// and probes, which tell nothing, may call it what they like.
func ofThisMachine(pages http.Handler, refusals *guard.Refusals) http.Handler {
	machine, _ := os.Hostname() // else it has none
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if atLoopback(r) && !isLocalName(r.Host, machine) && !isProbe(r.URL.Path) {
			refusals.Add(guard.OtherHost, r.RemoteAddr, "a page", "%s", otherHostSentence)
			plain(w)
			w.WriteHeader(http.StatusMisdirectedRequest)
			w.Write([]byte(otherHostSentence + "\n"))
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// atLoopback reports whether a request came to a loopback address, or to none that is
// known.
func atLoopback(r *http.Request) bool {
	at, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return !ok || at.IP.IsLoopback()
}

// isLocalName reports whether no site can have the name, with any port, under which
// something was asked for on a machine.
func isLocalName(host, machine string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	host = strings.TrimSuffix(host, ".")
	if host == "" || strings.EqualFold(host, "localhost") {
		return true
	}
	if machine != "" && strings.EqualFold(host, machine) {
		return true // at 127.0.1.1 on Debian
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}
