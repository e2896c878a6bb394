package raftnet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftnet"
)

// tcpCluster is a cluster on the transport that raft comes with.
func tcpCluster(b *testing.B) cluster {
	b.Helper()
	var c cluster
	for i := range 3 {
		transport, err := raft.NewTCPTransportWithLogger("127.0.0.1:0", nil, 3, 2*time.Second, hclog.NewNullLogger())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(transport.CloseStreams)
		c = append(c, startNode(b, raft.ServerID(fmt.Sprintf("c%d", i+1)), transport, func(c *raft.Config) {
			patient(c)
			if i == 0 { // it stands for election long before the others
				c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = time.Second, time.Second, time.Second
			}
		}))
	}
	c.bootstrap(b)
	return c
}

// BenchmarkApply has three members apply entries, one at a time, and with as many
// under way as a busy leader has.
func BenchmarkApply(b *testing.B) {
	for _, size := range []int{200, 600_000} {
		for _, depth := range []int{1, 64} {
			name := fmt.Sprintf("%dB/depth=%d/", size, depth)
			b.Run(name+"tcp", func(b *testing.B) { benchmarkApply(b, tcpCluster(b), size, depth) })
			for _, inFlight := range []int{2, 16} {
				b.Run(fmt.Sprintf("%sgrpc-%d", name, inFlight), func(b *testing.B) {
					c, _ := startCluster(b, 3, patient, func(o *raftnet.Options) { o.InFlight = inFlight })
					benchmarkApply(b, c, size, depth)
				})
			}
		}
	}
}

func benchmarkApply(b *testing.B, c cluster, size, depth int) {
	leader := c.leader(b)
	b.SetBytes(int64(size))
	waiting := make(chan raft.ApplyFuture, depth)
	done := make(chan error, 1)
	go func() {
		var failed error
		for f := range waiting {
			if err := f.Error(); err != nil {
				failed = err
			}
		}
		done <- failed
	}()
	b.ResetTimer()
	for range b.N {
		f := leader.Apply(make([]byte, size), 0)
		if depth == 1 && f.Error() != nil {
			b.Fatal(f.Error())
		}
		waiting <- f
	}
	close(waiting)
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "applies/s")
}
