package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Security is the JSON of what protects a daemon.
type Security struct {
	TLS          bool          `json:"tls"`
	Insecure     bool          `json:"insecure"` // others than its machine can reach it in plaintext
	Identity     string        `json:"identity,omitempty"`
	Certificates []Certificate `json:"certificates,omitempty"`
	Rejected     string        `json:"rejected,omitempty"` // why newer files are not used
}

// Certificate is the JSON of until when a file is good.
type Certificate struct {
	File        string    `json:"file"`
	Expires     time.Time `json:"expires"`
	LeftSeconds int64     `json:"left_seconds"`
}

// securityOf gives it its JSON shape; nil if it is not known.
func securityOf(s *wirepb.Security) *Security {
	if s == nil {
		return nil
	}
	out := &Security{TLS: s.GetTls(), Insecure: s.GetInsecure(), Identity: s.GetIdentity(), Rejected: s.GetRejected()}
	for _, e := range s.GetExpiries() {
		out.Certificates = append(out.Certificates, Certificate{e.GetFile(), time.UnixMilli(int64(e.GetAtUnixMs())).UTC(), e.GetLeftSeconds()})
	}
	return out
}

// expiresSoon is from when on people are told that a certificate expires.
const expiresSoon = 30 * 24 * time.Hour

// wrong says what an operator should see to, a sentence each.
func (s *Security) wrong() (all []string) {
	if s == nil {
		return nil
	}
	if s.Insecure {
		all = append(all, "INSECURE: it serves in plaintext, and everybody who reaches its port can do everything")
	}
	if s.Rejected != "" {
		all = append(all, "its new certificates cannot be used: "+Printable(s.Rejected))
	}
	for _, c := range s.Certificates {
		left := time.Duration(c.LeftSeconds) * time.Second
		switch {
		case left <= 0:
			all = append(all, Printable(c.File)+" has expired: issue a new one")
		case left < expiresSoon:
			all = append(all, fmt.Sprintf("%s expires in %s: issue a new one", Printable(c.File), Plural(max(1, int(left.Hours()/24)), "day")))
		}
	}
	return all
}

// writeSecurity says what is wrong with what protects the daemons, if anything is.
func (c Cluster) writeSecurity(out *strings.Builder) {
	first := true
	tell := func(who string, s *Security) {
		for _, sentence := range s.wrong() {
			if first {
				out.WriteByte('\n')
				first = false
			}
			fmt.Fprintf(out, "%s: %s\n", who, sentence)
		}
	}
	tell("coordinator", c.Security)
	for _, s := range c.Shards {
		tell(fmt.Sprintf("shard %d", s.ID), s.Security)
	}
}
