package telemetry

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

func TestPlaintextThatOthersReachShows(t *testing.T) {
	for _, insecure := range []bool{false, true} {
		s := NewShard(cli.Build{})
		s.Secured(Security{Insecure: insecure})
		all := ours(t, s.Registry(busyShard()))
		if got := all["lockstep_insecure"].GetMetric()[0].GetGauge().GetValue(); got != oneIf(insecure) {
			t.Errorf("insecure is %v, want %v", got, insecure)
		}
		if got := all["lockstep_tls"].GetMetric()[0].GetGauge().GetValue(); got != 0 || all["lockstep_tls_expires_seconds"] != nil {
			t.Errorf("tls is %v in plaintext", got)
		}
	}
	if n, err := testutil.GatherAndCount(shardRegistry(t), "lockstep_tls_expires_seconds"); n != 2 || err != nil {
		t.Errorf("%d files, %v", n, err)
	}
}
