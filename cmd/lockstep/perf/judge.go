package perf

import "fmt"

// Limits are what is good enough. Each field says why it is what it is by default.
type Limits struct {
	// ForceP50Ms: a block waits for two forces, one after the other; with 10 ms each
	// it takes 20 ms at least, and each client that waits for its answers commits less
	// than 50 blocks a second.
	ForceP50Ms float64
	// ForceP99Ms: coordinators force entries before they confirm them. A leader that
	// hears of no majority for 400 ms gives up; a quarter of that leaves room for the
	// network and for several such forces in a row.
	ForceP99Ms float64
	// WriteMBps: 32 MiB of committed blocks go to the database at once, and log and
	// database share the disk. With 40 MB/s that takes less than two seconds.
	WriteMBps float64
	// TripP50Ms: a block takes two round trips between coordinator and shards, and
	// with several coordinators two between those.
	TripP50Ms float64
	// TripP99Ms: the same quarter of what a leader waits for a majority.
	TripP99Ms float64
	// LateMs: a process that is woken up later than that looks dead to others when
	// it comes to it twice; too many processes for the processors, or a machine that
	// is taken away.
	LateMs float64
	// TransactionsPerSecond of a cluster on this machine, if load was asked for.
	// There is no right number: 0 judges nothing.
	TransactionsPerSecond float64
}

// DefaultLimits are for a data centre or a machine of one's own.
func DefaultLimits() Limits {
	return Limits{ForceP50Ms: 10, ForceP99Ms: 100, WriteMBps: 40, TripP50Ms: 5, TripP99Ms: 100, LateMs: 100}
}

// Results are what was measured; nil for what was not.
type Results struct {
	Disk    *DiskResult  `json:"disk,omitempty"`
	Clock   *ClockResult `json:"clock,omitempty"`
	Network []PeerResult `json:"network,omitempty"`
	Load    *LoadResult  `json:"load,omitempty"`
}

// LoadResult is what a cluster on this machine commits.
type LoadResult struct {
	TransactionsPerSecond float64 `json:"throughput_tps"`
	BlockP50Ms            float64 `json:"block_p50_ms"`
}

// Finding is one thing that was judged.
type Finding struct {
	Check    string `json:"check"`
	Measured string `json:"measured"`
	Limit    string `json:"limit"` // "" if there is none
	Pass     bool   `json:"pass"`
	// Reason is what follows from it if it does not pass; "" if it does.
	Reason string `json:"reason,omitempty"`
}

// Judge compares what was measured with the limits.
func (l Limits) Judge(r Results) (findings []Finding) {
	if d := r.Disk; d != nil {
		findings = append(findings, l.judgeDisk(*d)...)
	}
	if c := r.Clock; c != nil {
		findings = append(findings, l.judgeClock(*c)...)
	}
	for _, p := range r.Network {
		findings = append(findings, l.judgePeer(p)...)
	}
	if r.Load != nil {
		f := atLeast("load: transactions a second", r.Load.TransactionsPerSecond, l.TransactionsPerSecond, "", "less than was asked for")
		if l.TransactionsPerSecond == 0 {
			f.Limit = ""
		}
		findings = append(findings, f)
	}
	return findings
}

func (l Limits) judgeDisk(d DiskResult) []Finding {
	lasting := Finding{Check: "disk: what it keeps", Measured: d.FileSystem, Pass: !d.Volatile}
	if d.Volatile {
		lasting.Reason = "it is in memory and forgets all at a restart of the machine: put the data on a disk"
	}
	return []Finding{
		lasting,
		atMost("disk: force, p50", d.ForceMs.P50, l.ForceP50Ms, "every block waits for two forces: use a disk with a write cache that survives a loss of power"),
		atMost("disk: force, p99", d.ForceMs.P99, l.ForceP99Ms, "leaders lose their majority when forces take long: see what else uses the disk"),
		atLeast("disk: writing", d.WriteMBps, l.WriteMBps, " MB/s", "checkpoints hold the log up: use a faster disk, or one that nobody else uses"),
	}
}

func (l Limits) judgeClock(c ClockResult) []Finding {
	even := Finding{Check: "clock: monotonic", Measured: fmt.Sprintf("went back %d times", c.Backward), Limit: "never", Pass: c.Backward == 0}
	if !even.Pass {
		even.Reason = "the clock source of this machine is broken: choose another one"
	}
	return []Finding{
		even,
		atMost("clock: late by at most", c.LateMs, l.LateMs, "processes are woken up too late, and look dead to others: see to the load of this machine"),
	}
}

func (l Limits) judgePeer(p PeerResult) []Finding {
	if p.Error != "" {
		return []Finding{{Check: "network: " + p.Name, Measured: "no answer", Reason: p.Error}}
	}
	return []Finding{
		atMost("network: "+p.Name+", p50", p.TripMs.P50, l.TripP50Ms, "every block takes several round trips: bring the machines nearer to each other"),
		atMost("network: "+p.Name+", p99", p.TripMs.P99, l.TripP99Ms, "leaders lose their majority when answers take long: see to the network and to the load of that machine"),
	}
}

func atMost(check string, ms, limit float64, reason string) Finding {
	return judged(Finding{Check: check, Measured: fmt.Sprintf("%.2f ms", ms), Limit: fmt.Sprintf("at most %g ms", limit), Pass: ms <= limit}, reason)
}

func atLeast(check string, value, limit float64, unit, reason string) Finding {
	return judged(Finding{Check: check, Measured: fmt.Sprintf("%.0f%s", value, unit), Limit: fmt.Sprintf("at least %g%s", limit, unit), Pass: value >= limit}, reason)
}

func judged(f Finding, reason string) Finding {
	if !f.Pass {
		f.Reason = reason
	}
	return f
}
