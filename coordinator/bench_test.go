package coordinator

import (
	"fmt"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// BenchmarkPrepare checks a block of 10,000 transfers and cuts it for four
// shards, as the coordinator does for every block that a client submits.
func BenchmarkPrepare(b *testing.B) {
	const transfers = 10_000
	transactions := make([]protocol.Transaction, transfers)
	for i := range transactions {
		transactions[i] = protocol.NewTransaction(make([]byte, 12), []protocol.Access{
			{Key: fmt.Appendf(nil, "account/%08d", i*7919%1_000_000), Mode: protocol.ReadWrite},
			{Key: fmt.Appendf(nil, "account/%08d", i*104729%1_000_003), Mode: protocol.ReadWrite},
		})
	}
	body := protocol.EncodeBody(transactions)
	c := &Core{config: protocol.Config{Slots: protocol.EvenSlots(4), Limits: protocol.DefaultLimits()}}
	in := &wirepb.SubmitBlockRequest{Key: "block", Content: &wirepb.SubmitBlockRequest_Body{Body: body}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.prepare(in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/transfers, "ns/tx")
}
