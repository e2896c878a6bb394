package recovery

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
)

// verifyShard scans the database, and computes the digests above it anew.
func (l *Look) verifyShard(i *inspection, progress Progress) error {
	if err := l.scanDatabase(progress); err != nil {
		return err
	}
	if i.shard == nil {
		return nil
	}
	return l.verifyDigests(i.shard, progress)
}

func (l *Look) scanDatabase(progress Progress) error {
	var pairs uint64
	report, err := state.ScanDatabase(l.Path, func(state.Pair) error {
		pairs++
		progress.tell("pairs of the database", pairs)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the look has said so
	}
	if err != nil {
		return l.damaged(err)
	}
	l.Checked.Pairs, l.Checked.Bytes = report.Pairs, report.Bytes
	l.reportDatabase(report)
	return nil
}

// reportDatabase lists what a scan found. It says more than what stopped the
// opening, which it takes the place of.
func (l *Look) reportDatabase(report *state.Report) {
	if report.Findings == 0 {
		return
	}
	var others []Finding
	for _, f := range l.Findings {
		if f.Part != PartDatabase {
			others = append(others, f)
		}
	}
	l.Findings = others
	for n, damage := range report.Damage {
		if n == mostFindings {
			l.find(Finding{Part: PartDatabase, What: fmt.Sprintf("%d more findings in the database", report.Findings-mostFindings), Do: doDatabase})
			return
		}
		l.find(findingOf(damage))
	}
}

// verifyDigests computes the digest of every height above the checkpoint.
func (l *Look) verifyDigests(o *executor.Offline, progress Progress) error {
	err := o.Digests(func(p *protocol.Prepared, rebuilt protocol.Digest) error {
		l.Checked.Heights++
		progress.tell("heights above the checkpoint", uint64(l.Checked.Heights))
		if rebuilt != p.Digest {
			l.find(Finding{Part: PartLog, Height: p.Attempt.Height, Do: doDivergence,
				What: fmt.Sprintf("the writes of attempt %s make digest %s, it was voted on with digest %s", p.Attempt, rebuilt, p.Digest)})
		}
		return nil
	})
	return l.damaged(err)
}
