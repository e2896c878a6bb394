package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteTable prints a cluster's status for people.
func (c Cluster) WriteTable(w io.Writer) error {
	var out strings.Builder
	c.writeHead(&out)
	c.writeShards(&out)
	c.writeReasons(&out)
	c.writeSecurity(&out)
	c.writeInFlight(&out)
	if len(c.Coordinators) > 0 {
		out.WriteByte('\n')
		Coordinators(c.Coordinators).Write(&out)
	}
	if c.here && c.Leader != "" {
		fmt.Fprintf(&out, "\nThe leader is %s.\n", Printable(c.Leader))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (c Cluster) writeHead(out *strings.Builder) {
	fmt.Fprintf(out, "cluster %s  epoch %d  height %s\n", Fit(c.Cluster, 32), c.Epoch, Count(c.Height))
	fmt.Fprintf(out, "root    %s\n", c.Root)
	if c.Quarantined != "" {
		fmt.Fprintf(out, "\nThe coordinator is quarantined: %s\n", Printable(c.Quarantined))
	}
	out.WriteByte('\n')
}

func (c Cluster) writeShards(out *strings.Builder) {
	t := NewTable(">shard", "state", ">height", ">checkpoint", ">prepared", "digest", "address")
	for _, s := range c.Shards {
		t.Row(s.ID, stateCell(s.State), s.HeightCell(s.CommittedHeight), s.HeightCell(s.CheckpointedHeight), s.preparedCell(),
			s.DigestCell(8), OrDash(s.Address))
	}
	t.WriteTo(out)
}

// stateCell breaks the one long state into two lines.
func stateCell(state string) string {
	return strings.Replace(Phrase(state), "waiting for ", "waiting for\n", 1)
}

// preparedCell is how many attempts the shard holds prepared, and the age of
// the oldest.
func (s Shard) preparedCell() string {
	if len(s.Prepared) == 0 {
		return "-"
	}
	var oldest uint64
	for _, p := range s.Prepared {
		oldest = max(oldest, p.AgeMs)
	}
	return fmt.Sprintf("%d, %s", len(s.Prepared), Duration(time.Duration(oldest)*time.Millisecond))
}

func (c Cluster) writeReasons(out *strings.Builder) {
	first := true
	for _, s := range c.Shards {
		if s.Reason == "" {
			continue
		}
		if first {
			out.WriteByte('\n')
			first = false
		}
		fmt.Fprintf(out, "shard %d: %s\n", s.ID, Printable(s.Reason))
	}
}

func (c Cluster) writeInFlight(out *strings.Builder) {
	if len(c.InFlight) > 0 {
		out.WriteByte('\n')
		t := NewTable(">height", "block", "attempt", "phase", ">age", "waiting for")
		for _, f := range c.InFlight {
			t.Row(Count(f.Height), Fit(Printable(f.Block), 24), f.attemptCell(), OrDash(f.Stage()),
				Duration(time.Duration(f.AgeMs)*time.Millisecond), shardList(f.WaitingFor))
		}
		t.WriteTo(out)
	}
	if c.QueuedBlocks > 0 {
		verb := "wait"
		if c.QueuedBlocks == 1 {
			verb = "waits"
		}
		fmt.Fprintf(out, "\n%s of %s %s %s.\n", Plural(c.QueuedBlocks, "block"), Bytes(c.QueuedBytes), verb, c.queuedFor())
	}
}

// queuedFor says what blocks wait for of which no attempt has begun: shards that are
// not connected, or those in front of them.
func (c Cluster) queuedFor() string {
	var away []uint32
	for _, s := range c.Shards {
		if s.State == "disconnected" {
			away = append(away, s.ID)
		}
	}
	switch len(away) {
	case 0:
		return "behind"
	case 1:
		return fmt.Sprintf("until shard %d is connected", away[0])
	}
	return "until these are connected: " + shardList(away)
}

func (f InFlight) attemptCell() string {
	if f.Attempt == 0 {
		return "-"
	}
	return fmt.Sprintf("%d.%d", f.Epoch, f.Attempt)
}

// shardList names the shards, or how many if there are too many to name.
func shardList(shards []uint32) string {
	const most = 8
	switch {
	case len(shards) == 0:
		return "-"
	case len(shards) > most:
		return Plural(len(shards), "shard")
	}
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(shards)), ", "), "[]")
}

// Bytes writes a size in the unit that gives it one to three digits.
func Bytes(n uint64) string {
	const step = 1024
	if n < step {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n)/step, 0
	for ; size >= step && unit < 3; unit++ {
		size /= step
	}
	return fmt.Sprintf("%.1f %s", size, [...]string{"KiB", "MiB", "GiB", "TiB"}[unit])
}
