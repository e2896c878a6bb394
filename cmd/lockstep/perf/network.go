package perf

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

const (
	mostTrips = 200
	tripEvery = 5 * time.Millisecond
	tripTime  = 3 * time.Second
	mostPeers = 8 // asked at once
)

// Peer is a daemon that is asked.
type Peer struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	// Secure proves who asks, and who is asked; nil for plaintext.
	Secure grpc.DialOption `json:"-"`
}

// PeerResult is what asking it takes.
type PeerResult struct {
	Peer
	TripMs measure.Percentiles `json:"round_trip_ms"`
	Trips  int                 `json:"round_trips"`
	// Error is why it could not be asked; "" if it could.
	Error string `json:"error,omitempty"`
}

// Network asks daemons for their health, up to 200 times each, which costs them
// next to nothing and changes nothing. One that does not answer has an error.
func Network(ctx context.Context, peers []Peer) ([]PeerResult, error) {
	results := make([]PeerResult, len(peers))
	var group errgroup.Group
	group.SetLimit(mostPeers)
	for i, p := range peers {
		group.Go(func() error {
			results[i] = ask(ctx, p)
			return nil
		})
	}
	group.Wait() //nolint:errcheck // nothing in the group fails: what became of a peer is in its result
	return results, context.Cause(ctx)
}

func ask(ctx context.Context, p Peer) PeerResult {
	r := PeerResult{Peer: p}
	if p.Address == "" {
		r.Error = "nobody knows its address"
		return r
	}
	conn, err := rpc.Dial(p.Address, rpc.Securely(p.Secure)...)
	if err != nil {
		r.Error = fmt.Sprintf("%q is not an address: %v", p.Address, err)
		return r
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, tripTime)
	defer cancel()
	health := grpc_health_v1.NewHealthClient(conn)
	if _, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil { // connects
		r.Error = "it does not answer: " + rpc.Sentence(err)
		return r
	}
	times, err := trips(ctx, health)
	r.Trips, r.TripMs = len(times), measure.PercentilesOf(times)
	if len(times) == 0 {
		r.Error = "it does not answer again: " + rpc.Sentence(err)
	}
	return r
}

// trips asks until there are enough, or ctx ends.
func trips(ctx context.Context, health grpc_health_v1.HealthClient) (times []time.Duration, err error) {
	tick := time.NewTicker(tripEvery)
	defer tick.Stop()
	for len(times) < mostTrips {
		start := time.Now()
		if _, err = health.Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
			return times, err
		}
		times = append(times, time.Since(start))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return times, ctx.Err()
		}
	}
	return times, nil
}
