package recovery

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// Verdict is what the decisions say about an attempt in doubt.
type Verdict string

// Verdicts.
const (
	// Commit: the very attempt is decided, with the same digest.
	Commit Verdict = "commit"
	// Superseded: another attempt is decided at its height, so it can never
	// commit. It needs no settling: the coordinator drops it when the shard
	// connects. But the shard has voted for the other one, and lacks it.
	Superseded Verdict = "superseded"
	// Undecidable: it may still commit.
	Undecidable Verdict = "undecided"
	// Diverged: it is decided with another digest.
	Diverged Verdict = "diverged"
	// Blocked: an attempt below it is not settled.
	Blocked Verdict = "blocked"
)

// Settlement is what is to be done about one attempt in doubt, and on what
// evidence.
type Settlement struct {
	Attempt string          `json:"attempt"`
	Height  protocol.Height `json:"height"`
	Digest  string          `json:"digest"`
	Verdict Verdict         `json:"verdict"`
	Why     string          `json:"why"`
	Done    bool            `json:"done"`

	commit protocol.Committed
}

// Resolution is a plan to settle the attempts in doubt of a stopped shard.
type Resolution struct {
	Path        string           `json:"path"`
	Shard       protocol.ShardID `json:"shard"`
	Source      string           `json:"source"` // of the decisions
	Height      protocol.Height  `json:"height"` // committed before
	Settlements []Settlement     `json:"settlements"`
	Mended      []string         `json:"mended,omitempty"` // in the log, as a start does

	offline *executor.Offline
}

// ErrForeignDecisions says that decisions are those of another cluster.
var ErrForeignDecisions = errors.New("these decisions are of another cluster")

// PlanResolve reads a stopped shard and says what its attempts in doubt come to
// by the decisions. It changes nothing. Close lets go of the directory; until
// then the shard cannot be started.
func PlanResolve(ctx context.Context, dir string, d Decisions) (*Resolution, error) {
	o, err := executor.ReadOffline(dir)
	if err != nil {
		return nil, err
	}
	r := &Resolution{Path: dir, Shard: o.Checkpoint.Shard, Source: d.Source(), Height: o.Committed().Height(), Settlements: []Settlement{}, offline: o}
	if err := r.plan(ctx, d); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return r, nil
}

func (r *Resolution) plan(ctx context.Context, d Decisions) error {
	if mine := r.offline.State.Config.Cluster; len(r.offline.State.Prepared) > 0 && mine != d.Cluster() {
		return fmt.Errorf("%w: shard %d belongs to cluster %s, the %s to cluster %s", ErrForeignDecisions, r.Shard, mine, d.Source(), d.Cluster())
	}
	if err := r.checkCommitted(ctx, d); err != nil {
		return err
	}
	settled := true
	for _, p := range r.offline.State.Prepared {
		s := Settlement{Attempt: p.Attempt.String(), Height: p.Attempt.Height, Digest: p.Digest.String()}
		if settled {
			if err := s.judge(ctx, p, r.Shard, d); err != nil {
				return err
			}
		} else {
			s.Verdict, s.Why = Blocked, "an attempt below it is not settled, and heights commit in order"
		}
		settled = settled && s.Verdict == Commit
		r.Settlements = append(r.Settlements, s)
	}
	return nil
}

// checkCommitted refuses to add to a history that is not that of the decisions.
func (r *Resolution) checkCommitted(ctx context.Context, d Decisions) error {
	at := r.offline.Committed()
	if at.Height() == 0 || len(r.offline.State.Prepared) == 0 {
		return nil
	}
	if at.Height() > d.Height() {
		return fmt.Errorf("%w: shard %d has committed height %d, the decisions (%s) end at height %d: %s",
			executor.ErrMismatch, r.Shard, at.Height(), d.Source(), d.Height(), doCoordinator)
	}
	decided, err := d.At(ctx, at.Height())
	if err != nil {
		return err
	}
	if want, ok := decided.On(r.Shard); !ok || want != at {
		return fmt.Errorf("%w: what shard %d has committed at height %d is not what was decided there: %s", executor.ErrMismatch, r.Shard, at.Height(), doDivergence)
	}
	return nil
}

// judge says what the decisions make of an attempt. Only a decision of the same
// attempt with the same digest commits it (rule S3), and nothing drops it.
func (s *Settlement) judge(ctx context.Context, p *protocol.Prepared, shard protocol.ShardID, d Decisions) error {
	if s.Height > d.Height() {
		s.Verdict = Undecidable
		s.Why = fmt.Sprintf("the %s has decided up to height %d, so no evidence says that this attempt is not, or will not be, committed: "+
			"missing is a decision for height %d; start the shard, and the coordinator settles it", d.Source(), d.Height(), s.Height)
		return nil
	}
	decided, err := d.At(ctx, s.Height)
	if err != nil {
		return err
	}
	want, ok := decided.On(shard)
	switch {
	case !ok:
		return fmt.Errorf("%w: its decision for height %d is about %d shards", ErrForeignDecisions, s.Height, len(decided.Digests))
	case want.Attempt != p.Attempt:
		s.Verdict = Superseded
		s.Why = fmt.Sprintf("attempt %s is decided at this height, so this one never commits and needs no settling; but this shard voted for %s and lacks it: %s",
			want.Attempt, want.Attempt, doLostData)
	case want.Digest != p.Digest:
		s.Verdict = Diverged
		s.Why = fmt.Sprintf("it is decided with digest %s: %s", want.Digest, doDivergence)
	default:
		s.Verdict, s.commit = Commit, want
		s.Why = fmt.Sprintf("the %s has the decision for block %q: attempt %s, digest %s", d.Source(), decided.Key, want.Attempt, want.Digest)
	}
	return nil
}

// Refused counts the attempts that stay in doubt.
func (r *Resolution) Refused() (n int) {
	for _, s := range r.Settlements {
		if s.Verdict != Commit {
			n++
		}
	}
	return n
}

// Contradicts reports whether the decisions and the shard contradict each other.
func (r *Resolution) Contradicts() bool {
	for _, s := range r.Settlements {
		if s.Verdict == Diverged || s.Verdict == Superseded {
			return true
		}
	}
	return false
}

// Carry carries out the plan: it notes the commits in the log of the shard and
// forces them. comment goes to the audit log.
func (r *Resolution) Carry(comment string) error {
	var commits []protocol.Committed
	act := Act{Verb: "resolve", Comment: comment}
	for _, s := range r.Settlements {
		if s.Verdict != Commit {
			break
		}
		commits = append(commits, s.commit)
		act.What += fmt.Sprintf("commit attempt %s with digest %s; ", s.Attempt, s.Digest)
		act.Why += s.Why + "; "
	}
	if len(commits) == 0 {
		return nil
	}
	err := audited(r.Path, act, func() error {
		mended, err := r.offline.Commit(r.Path, commits)
		for _, m := range mended {
			r.Mended = append(r.Mended, m.String())
		}
		return err
	})
	if err != nil {
		return err
	}
	for i := range commits {
		r.Settlements[i].Done = true
	}
	return nil
}

// Close lets go of the directory.
func (r *Resolution) Close() error { return r.offline.Close() }
