package coordinator

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// reportInterval is how often shards are asked what they say of themselves, and
	// reportTimeout how long one may take to answer.
	reportInterval = time.Second
	reportTimeout  = 900 * time.Millisecond
	// reportBytes bounds what a shard may say of itself: everybody who asks for the
	// status of the cluster is told it.
	reportBytes = 256 << 10
	// reportsAtOnce bounds the calls under way.
	reportsAtOnce = 16
)

// shardReports asks the shards of an incarnation how they are, apart from their
// sessions: so a shard that cannot reach the coordinator, but can be reached, still
// says what it waits for. It is safe for concurrent use.
type shardReports struct {
	in     *incarnation
	latest []atomic.Pointer[shardReport] // by shard; nil before the first answer
}

// shardReport is what came of asking a shard.
type shardReport struct {
	status  *wirepb.ShardStatus // its last answer; nil if there was none
	at      time.Time           // when it came
	failure string              // why there was no newer one; "" if it is the newest
}

func newShardReports(in *incarnation) *shardReports {
	return &shardReports{in: in, latest: make([]atomic.Pointer[shardReport], in.config.Shards())}
}

// run asks until ctx ends.
func (r *shardReports) run(ctx context.Context) {
	tick := time.NewTicker(reportInterval)
	defer tick.Stop()
	for {
		r.askAll(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *shardReports) askAll(ctx context.Context) {
	var calls errgroup.Group
	calls.SetLimit(reportsAtOnce)
	for id, shard := range r.in.core.Status().Shards {
		if shard.Address == "" {
			continue
		}
		calls.Go(func() error {
			r.ask(ctx, protocol.ShardID(id), shard.Address)
			return nil
		})
	}
	_ = calls.Wait() // none of them fails
}

// ask keeps the last answer of a shard that does not answer.
func (r *shardReports) ask(ctx context.Context, id protocol.ShardID, address string) {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	answer, err := r.call(ctx, id, address)
	if err == nil && answer.GetId() != uint32(id) {
		err = fmt.Errorf("shard %d answers there", answer.GetId())
	}
	if err == nil {
		answer.Report = nil // only coordinators have those
		r.latest[id].Store(&shardReport{status: answer, at: time.Now()})
		return
	}
	failed := shardReport{failure: strings.ToValidUTF8(fmt.Sprintf("it does not answer at %s: %s", address, rpc.Sentence(err)), "?")}
	if last := r.latest[id].Load(); last != nil {
		failed.status, failed.at = last.status, last.at
	}
	r.latest[id].Store(&failed)
}

func (r *shardReports) call(ctx context.Context, id protocol.ShardID, address string) (*wirepb.ShardStatus, error) {
	client, err := r.in.coordinator.readers.client(id, address)
	if err != nil {
		return nil, err
	}
	answer, err := client.Status(ctx, &wirepb.ShardServiceStatusRequest{}, grpc.MaxCallRecvMsgSize(reportBytes))
	return answer.GetStatus(), err
}

// of gives the report of a shard; nil if it was never asked.
func (r *shardReports) of(id int) *wirepb.ShardReport {
	last := r.latest[id].Load()
	if last == nil {
		return nil
	}
	out := &wirepb.ShardReport{Status: last.status, Failure: last.failure}
	if last.status != nil {
		out.AgeMs = uint64(time.Since(last.at).Milliseconds())
	}
	return out
}
