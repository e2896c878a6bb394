package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// Security is what protects a daemon.
type Security struct {
	Identity *identity.Identity // nil for plaintext
	Insecure bool               // others than this machine can reach it in plaintext
	Refusals *guard.Refusals    // of those who go beyond a limit; nil counts none
}

// Secured says what protects the daemon; before Registry.
func (c *common) Secured(s Security) { c.security = s }

func (c common) securityCollector() prometheus.Collector {
	return newLook(func() Security { return c.security },
		gauge("insecure", "1 if others than this machine can reach the daemon in plaintext.", func(s Security) float64 { return oneIf(s.Insecure) }),
		gauge("tls", "1 if the daemon speaks TLS alone.", func(s Security) float64 { return oneIf(s.Identity != nil) }),
		gauge("tls_reload_failed", "1 if the certificates that are there now cannot be used, and those read before are.",
			func(s Security) float64 { return oneIf(s.Identity.Rejected() != "") }),
		gauges("tls_expires_seconds", "Seconds until the first certificate in a file expires.", []string{"file"}, func(s Security, emit emit) {
			for _, e := range s.Identity.Expiries() {
				emit(e.Left.Truncate(time.Second).Seconds(), e.File)
			}
		}),
		reading[Security]{
			name: "refused_total", help: "Connections, calls and pages that were refused, or ended: for want of an identity that may, or beyond a limit. By reason.", kind: prometheus.CounterValue,
			labels: []string{"reason"}, read: func(s Security, emit emit) {
				counts := s.Identity.Refused()
				for _, reason := range identity.Reasons() {
					emit(float64(counts[reason]), string(reason))
				}
				beyond := s.Refusals.Counts()
				for _, reason := range guard.Reasons() {
					emit(float64(beyond[reason]), string(reason))
				}
			},
		},
	)
}
