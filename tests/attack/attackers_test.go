package attack

import (
	"regexp"
	"slices"
	"time"
)

// attackers gives those that take part.
func (s *siege) attackers() []attacker {
	s.t.Helper()
	only, err := regexp.Compile(*onlyFlag)
	if err != nil {
		s.t.Fatalf("-attack.only: %v", err)
	}
	return slices.DeleteFunc(everybody(), func(a attacker) bool { return !only.MatchString(a.name) })
}

// everybody lists all kinds of attackers. A hand that keeps its connection open for long is one
// of many.
func everybody() []attacker {
	const ms = time.Millisecond
	return []attacker{
		{"random bytes on any port", 2, 20 * ms, randomBytes},
		{"connections that say nothing", 100, 50 * ms, sayNothing},
		{"headers sent byte by byte", 20, 50 * ms, slowHeaders},
		{"garbage of TLS", 2, 20 * ms, tlsGarbage},
		{"HTTP/2: streams opened and reset", 2, 100 * ms, floodResets},
		{"HTTP/2: pings", 1, 100 * ms, floodPings},
		{"HTTP/2: settings", 1, 100 * ms, floodSettings},
		{"HTTP/2: window updates", 1, 100 * ms, floodWindows},
		{"HTTP/2: continuations without end", 1, 100 * ms, floodContinuations},
		{"HTTP/2: empty data and priorities", 1, 100 * ms, floodEmpty},
		{"HTTP/2: random frames", 2, 20 * ms, randomFrames},
		{"headers that are too large", 1, 100 * ms, largeHeaders},
		{"messages that are too large", 1, 500 * ms, largeMessages},
		{"blocks, keys and counts beyond limits", 1, 200 * ms, beyondLimits},
		{"messages of millions of empty parts", 1, 500 * ms, dense},
		{"messages that claim to be compressed", 1, 100 * ms, claimCompressed},
		{"messages announced and never sent", 8, 200 * ms, neverSent},
		{"streams opened and never read", 4, 200 * ms, neverRead},
		{"streams opened and left alone", 4, 200 * ms, leftAlone},
		{"what was overheard, sent again", 6, 50 * ms, replay},
		{"every method, with random messages", 3, 10 * ms, randomCalls},
		{"every method, with what is no message", 2, 10 * ms, brokenCalls},
		{"HTTP: odd requests", 2, 20 * ms, oddRequests},
		{"HTTP: paths out of the pages", 1, 20 * ms, oddPaths},
		{"events that are never read", 80, 200 * ms, neverReadEvents},
	}
}
