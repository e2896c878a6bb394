package main

import (
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

func isText(b []byte) bool { return utf8.Valid(b) }

func recoverInspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect",
		Short: "Show what a stopped shard or coordinator would start with",
		Long: `Show what a stopped shard or coordinator would start with: cluster, heights,
digests, attempts in doubt, and its log. Of a damaged directory, show what can be
read, and list the damage. The values of the database are not read: verify does.`,
		Example: "  lockstep recover inspect --data /var/lib/lockstep/shard0",
		Args:    cobra.NoArgs,
	}
	data, format := addData(cmd, "shard or coordinator"), cli.AddFormat(cmd)
	records := cmd.Flags().Bool("records", false, "list the records of the log")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return inspect(cmd, *data, *records, format) }
	return cmd
}

func inspect(cmd *cobra.Command, dir string, records bool, format cli.Format) error {
	progress, done := progressOn(cmd)
	look, err := recovery.Inspect(dir, recovery.InspectOptions{Records: records, Progress: progress})
	done()
	if err != nil {
		return offlineError(err)
	}
	return show(cmd.OutOrStdout(), look, format)
}

// show prints a look, and ends with the exit code of its findings.
func show(w io.Writer, look *recovery.Look, format cli.Format) error {
	var err error
	if format.JSON() {
		err = cli.WriteJSON(w, look)
	} else {
		err = writeLook(w, look)
	}
	return errors.Join(err, found(len(look.Findings), look.Path))
}

func writeLook(w io.Writer, l *recovery.Look) error {
	all := lookLines(l)
	for _, d := range l.InDoubt {
		all = append(all, fmt.Sprintf("in doubt    height %d, attempt %d.%d, %s, prepared %s ago",
			d.Height, d.Epoch, d.Attempt, report.Plural(d.Bytes, "byte"), report.Duration(time.Since(d.Since))))
	}
	for _, m := range l.Maybe {
		all = append(all, fmt.Sprintf("maybe       height %d, block %s, attempt %s: only the other coordinators can tell whether it is decided",
			m.Height, report.Printable(m.Block), m.Attempt))
	}
	for _, u := range l.Undecided {
		all = append(all, fmt.Sprintf("undecided   height %d, block %s, %s", u.Height, report.Printable(u.Block), report.Plural(u.Bytes, "byte")))
	}
	for _, n := range l.Notes {
		all = append(all, "note        "+cli.Sentence(errors.New(n)))
	}
	err := lines(w, append(all, findingLines(l.Findings)...)...)
	return errors.Join(err, writeSegments(w, l.Log.Segments), writeRecords(w, l.Log.Records))
}

func lookLines(l *recovery.Look) []string {
	who := string(l.Role)
	if l.Shard != nil {
		who = fmt.Sprintf("shard %d", *l.Shard)
	}
	all := []string{
		who + ofCluster(l),
		fmt.Sprintf("height      %d, in the database up to %d", l.Height, l.CheckpointedHeight),
		fmt.Sprintf("epoch       %d", l.Epoch),
		fmt.Sprintf("root        %s", report.OrDash(l.Root)),
	}
	if l.StateDigest != "" {
		all = append(all, "digest      "+l.StateDigest)
	}
	if l.Log.Last > 0 {
		all = append(all, fmt.Sprintf("log         records %d to %d, %s", l.Log.First, l.Log.Last, report.Plural(l.Log.Bytes, "byte")))
	} else {
		all = append(all, fmt.Sprintf("log         %s can be read, %s", report.Plural(l.Log.Count, "record"), report.Plural(l.Log.Bytes, "byte")))
	}
	all = append(all, fmt.Sprintf("free space  %s MiB", report.Count(l.FreeBytes>>20)))
	if c := l.Checked; c != nil {
		all = append(all, fmt.Sprintf("verified    %s, %s, %s, %s compared", report.Plural(c.Pairs, "pair"),
			report.Plural(c.Records, "record"), report.Plural(c.Heights, "height"), report.Plural(c.Decisions, "decision")))
	}
	if !l.Complete {
		all = append(all, "a start refuses this directory; above is what can be read")
	}
	return all
}

func ofCluster(l *recovery.Look) string {
	if l.Shards == 0 {
		return ", of no cluster that is known"
	}
	return fmt.Sprintf(" of cluster %s (%s)", l.Cluster, report.Plural(l.Shards, "shard"))
}

func writeSegments(w io.Writer, segments []recovery.Segment) error {
	if len(segments) == 0 {
		return nil
	}
	t := report.NewTable("segment", ">first", ">last", ">records", ">bytes", ">unreadable")
	for _, s := range segments {
		t.Row(report.Printable(s.File), s.First, s.Last, s.Records, report.Count(s.Bytes), s.Problems)
	}
	_, err := fmt.Fprintln(w)
	_, err2 := t.WriteTo(w)
	return errors.Join(err, err2)
}

func writeRecords(w io.Writer, records []recovery.Record) error {
	if len(records) == 0 {
		return nil
	}
	t := report.NewTable(">sequence", "type", ">height", "attempt", ">bytes", "about")
	for _, r := range records {
		about := r.Text
		if r.Problem != "" {
			about = r.Problem
		}
		height := ""
		if r.Height > 0 {
			height = fmt.Sprint(r.Height)
		}
		t.Row(r.Sequence, r.Type, report.OrDash(height), report.OrDash(r.Attempt), report.Count(r.Bytes), report.Fit(report.OrDash(about), 80))
	}
	_, err := fmt.Fprintln(w)
	_, err2 := t.WriteTo(w)
	return errors.Join(err, err2)
}
