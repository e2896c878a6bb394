package report

import (
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Status says what is wrong, and nothing while all is right.
func TestStatusTellsOfSecurity(t *testing.T) {
	expiring := func(left time.Duration) *wirepb.Security {
		return &wirepb.Security{Tls: true, Identity: "lockstep://prod/shard/0", Expiries: []*wirepb.CertificateExpiry{{File: "tls.crt", LeftSeconds: int64(left.Seconds())}}}
	}
	for what, test := range map[string]struct {
		coordinator, shard *wirepb.Security
		says               string // "" for nothing
	}{
		"right":      {expiring(31 * 24 * time.Hour), expiring(90 * 24 * time.Hour), ""},
		"not known":  {nil, nil, ""},
		"plaintext":  {&wirepb.Security{}, &wirepb.Security{}, ""},
		"insecure":   {&wirepb.Security{Insecure: true}, nil, "\ncoordinator: INSECURE: it serves in plaintext"},
		"soon":       {nil, expiring(5*24*time.Hour + time.Hour), "\nshard 0: tls.crt expires in 5 days: issue a new one\n"},
		"very soon":  {nil, expiring(time.Minute), "\nshard 0: tls.crt expires in 1 day: issue a new one\n"},
		"over":       {expiring(-time.Minute), nil, "\ncoordinator: tls.crt has expired"},
		"bad reload": {&wirepb.Security{Tls: true, Rejected: "they do not make a pair"}, nil, "\ncoordinator: its new certificates cannot be used: they do not make a pair\n"},
	} {
		c := ClusterOf(&wirepb.ClusterStatus{Security: test.coordinator, Shards: []*wirepb.ShardStatus{{
			Report: &wirepb.ShardReport{Status: &wirepb.ShardStatus{Security: test.shard}},
		}}})
		var out strings.Builder
		c.writeSecurity(&out)
		if (out.Len() == 0) != (test.says == "") || !strings.Contains(out.String(), test.says) {
			t.Errorf("%s: %q, want %q", what, out.String(), test.says)
		}
	}
}
