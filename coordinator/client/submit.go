package client

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// answerGrace is how much longer a call waits than the coordinator, so that
// the news of a withdrawn block still arrives.
const answerGrace = 5 * time.Second

// Decision is what became of a block.
type Decision string

const (
	Committed Decision = "committed" // on every shard, for good
	Aborted   Decision = "aborted"   // withdrawn; nothing was changed
	Unknown   Decision = "unknown"   // ask again with the same block key
)

// Submission is a block to submit.
type Submission struct {
	Key      string
	Body     []byte        // canonical encoding of the transactions
	Timeout  time.Duration // how long to try; then the block is withdrawn, or its outcome is unknown
	Outcomes bool          // whether the answer should have the outcome of every transaction
	Retrying Retrying      // may be nil
}

// Retrying is told before a pause why something is tried again after it.
type Retrying func(why error, wait time.Duration)

// Answer says what became of a block.
type Answer struct {
	Decision Decision
	Block    *wirepb.Block // header, if committed
	Reason   string        // why not, if not committed: a sentence
}

// Submit sends a block until its outcome is known or the time is over; sending
// it again is safe, because its key names it. An error means that the block
// was refused at the door and changed nothing. What is not known for sure is
// an Answer with Unknown.
func (c *Coordinator) Submit(ctx context.Context, s Submission) (Answer, error) {
	call, cancel := context.WithTimeout(ctx, s.Timeout+answerGrace)
	defer cancel()
	t := &trial{coordinator: c, submission: s, deadline: time.Now().Add(s.Timeout), route: route{coordinator: c}}
	for {
		answer, err := t.send(call)
		if err == nil && answer.Decision != Unknown {
			return answer, nil
		}
		if err != nil && t.final(err) {
			return Answer{}, err
		}
		t.note(answer, err)
		if !t.again(call) {
			return t.unknown(ctx), nil
		}
	}
}

// trial is the submission of one block.
type trial struct {
	coordinator *Coordinator
	submission  Submission
	deadline    time.Time
	route       route
	follows     bool  // the last failure sent it to the coordinator that leads
	why         error // the last failure
	wait        time.Duration
	stop        bool // trying again cannot help
	ambiguous   bool // some request may have been taken up
}

// send asks the preferred coordinator once.
func (t *trial) send(ctx context.Context) (Answer, error) {
	p, err := t.coordinator.reached(ctx)
	defer t.coordinator.leave(p)
	var response *wirepb.SubmitBlockResponse
	if err == nil {
		v := t.coordinator.watch(ctx, p)
		response, err = p.api.SubmitBlock(v.ctx, t.request())
		err = v.end(err)
	}
	if err != nil {
		t.wait, _ = retryAfter(err)
		t.follows = t.route.next(p, err)
		return Answer{}, p.explain(ctx, err)
	}
	t.follows = false
	return answerOf(response), nil
}

func (t *trial) request() *wirepb.SubmitBlockRequest {
	return &wirepb.SubmitBlockRequest{
		Key:             t.submission.Key,
		Content:         &wirepb.SubmitBlockRequest_Body{Body: t.submission.Body},
		TimeoutMs:       uint64(max(time.Until(t.deadline).Milliseconds(), 1)),
		IncludeOutcomes: t.submission.Outcomes,
	}
}

func answerOf(response *wirepb.SubmitBlockResponse) Answer {
	switch response.GetDecision() {
	case wirepb.Decision_DECISION_COMMITTED:
		return Answer{Decision: Committed, Block: response.GetBlock()}
	case wirepb.Decision_DECISION_ABORTED, wirepb.Decision_DECISION_REJECTED:
		return Answer{Decision: Aborted, Reason: response.GetReason()}
	}
	return Answer{Decision: Unknown, Reason: response.GetReason()}
}

// final reports whether err says for sure that the block was not taken up, and
// that sending it again cannot help.
func (t *trial) final(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.AlreadyExists:
		return true // the block itself is at fault
	case codes.Unimplemented, codes.PermissionDenied, codes.Unauthenticated, codes.FailedPrecondition:
		t.stop = true
		return !t.ambiguous
	}
	return false
}

// note remembers what went wrong.
func (t *trial) note(answer Answer, err error) {
	if err == nil {
		t.why = fmt.Errorf("the coordinator cannot tell: %s", answer.Reason)
		t.ambiguous = true
		return
	}
	t.why = err
	// A coordinator that leads no more may have taken the block up before.
	_, elsewhere := wire.Leader(err)
	if _, told := retryAfter(err); !told || elsewhere {
		t.ambiguous = true
	}
}

// again waits before the next request; false if there will be none. The last
// request goes out at the deadline: it finds the answer if there is one by then.
func (t *trial) again(ctx context.Context) bool {
	left := time.Until(t.deadline)
	if t.stop || ctx.Err() != nil || left <= 0 {
		return false
	}
	if t.follows {
		return true
	}
	wait := min(max(t.wait, t.route.wait()), left)
	return pause(ctx, wait, t.submission.Retrying, t.why) == nil
}

func (t *trial) unknown(ctx context.Context) Answer {
	reason := t.why.Error()
	switch {
	case ctx.Err() != nil:
		reason = "interrupted before the answer came"
	case !t.stop && !t.ambiguous:
		reason = fmt.Sprintf("not taken up within %s: %s", t.submission.Timeout, reason)
	case !t.stop:
		reason = fmt.Sprintf("no answer within %s: %s", t.submission.Timeout, reason)
	}
	return Answer{Decision: Unknown, Reason: reason}
}
