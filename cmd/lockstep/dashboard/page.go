package dashboard

import (
	"encoding/hex"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// page is what the page shows of one look.
type page struct {
	UnixMs       int64                `json:"now"`
	Version      string               `json:"version"`
	Here         Here                 `json:"here"`
	Sentence     Sentence             `json:"sentence"`
	Cluster      *pageCluster         `json:"cluster"` // null if nobody could be asked
	Coordinators []report.Coordinator `json:"coordinators"`
	Shards       []pageShard          `json:"shards"`
	InFlight     []report.InFlight    `json:"in_flight"`
	Blocks       []pageBlock          `json:"blocks"` // the newest first
	Sample       sample               `json:"sample"`
}

// pageCluster is the cluster without its parts.
type pageCluster struct {
	ID           string   `json:"id"`
	Epoch        uint64   `json:"epoch"`
	Height       uint64   `json:"height"`
	Root         string   `json:"root"`
	QueuedBlocks uint64   `json:"queued_blocks"`
	QueuedBytes  uint64   `json:"queued_bytes"`
	SinceUnixMs  uint64   `json:"since"` // when this coordinator began to lead
	Blocks       uint64   `json:"blocks"`
	Transactions uint64   `json:"transactions"`
	Aborted      uint64   `json:"aborted"`
	Rejected     uint64   `json:"rejected"`
	GivenUp      uint64   `json:"given_up"`
	Storage      *storage `json:"storage"`
}

// storage is a data directory.
type storage struct {
	LogBytes      uint64  `json:"log_bytes"`
	DatabaseBytes uint64  `json:"database_bytes"`
	FreeBytes     *uint64 `json:"free_bytes"` // null if nobody can tell
}

func storageOf(s *wirepb.Storage) *storage {
	if s == nil {
		return nil
	}
	return &storage{LogBytes: s.GetLogBytes(), DatabaseBytes: s.GetDatabaseBytes(), FreeBytes: s.FreeBytes}
}

// pageShard is one shard, as the coordinator sees it and by its own word.
type pageShard struct {
	ID           uint32   `json:"id"`
	State        string   `json:"state"`
	Own          string   `json:"own"`     // state by its own word; "" if it cannot be asked
	Reason       string   `json:"reason"`  // one sentence; "" for none
	Unheard      bool     `json:"unheard"` // nothing is known of it, and what follows is 0 for that reason
	Committed    uint64   `json:"committed"`
	Checkpointed uint64   `json:"checkpointed"`
	Lag          uint64   `json:"lag"` // heights behind the newest that is decided
	Prepared     int      `json:"prepared"`
	PreparedMs   uint64   `json:"prepared_ms"` // age of the oldest
	InDoubt      bool     `json:"in_doubt"`    // it cannot know what becomes of those
	AwayMs       uint64   `json:"away_ms"`     // 0 while it is connected
	WaitsFor     []uint32 `json:"waits_for"`   // shards whose values it waits for
	Address      string   `json:"address"`
	Digest       string   `json:"digest"`
	Storage      *storage `json:"storage"` // null if it has never told
	// SilentMs is how long ago it said all this, if it does not answer now, and 0 if
	// it does.
	SilentMs uint64 `json:"silent_ms"`
}

// pageOf gives what a look found its shape; timelines may be nil.
func pageOf(v View, s sample, timelines []*wirepb.Timeline) page {
	p := page{
		UnixMs: s.UnixMs, Here: v.Here, Sample: s, Sentence: Explain(v, rateOf(s)), Coordinators: report.MembersOf(v.Members),
		Shards: []pageShard{}, InFlight: []report.InFlight{}, Blocks: []pageBlock{},
	}
	if c := v.Cluster; c != nil {
		p.Cluster = clusterOf(c)
		p.InFlight = report.ClusterOf(c).InFlight
		for _, shard := range c.GetShards() {
			line := shardOf(shard, c.GetHeight())
			if oldest(c) < slowMs {
				line.WaitsFor = []uint32{} // for a moment, as every execution does
			}
			p.Shards = append(p.Shards, line)
		}
	}
	for _, t := range timelines {
		if len(p.Blocks) == mostBlocks {
			break
		}
		p.Blocks = append(p.Blocks, summaryOf(t))
	}
	return p
}

func rateOf(s sample) float64 {
	if s.Transactions > 0 { // not NaN either
		return float64(s.Transactions)
	}
	return 0
}

func clusterOf(c *wirepb.ClusterStatus) *pageCluster {
	a := c.GetActivity()
	return &pageCluster{
		ID: hex.EncodeToString(c.GetCluster()), Epoch: c.GetEpoch(), Height: c.GetHeight(), Root: hex.EncodeToString(c.GetRoot()),
		QueuedBlocks: c.GetQueuedBlocks(), QueuedBytes: c.GetQueuedBytes(), SinceUnixMs: a.GetSinceUnixMs(), Blocks: a.GetBlocks(),
		Transactions: a.GetTransactions(), Aborted: a.GetAborted(), Rejected: a.GetRejected(), GivenUp: a.GetAttemptsGivenUp(),
		Storage: storageOf(c.GetStorage()),
	}
}

func shardOf(s *wirepb.ShardStatus, height uint64) pageShard {
	seen := report.ShardOf(s)
	p := pageShard{
		ID: s.GetId(), State: seen.State, Reason: s.GetReason(), Committed: s.GetCommittedHeight(), Checkpointed: s.GetCheckpointedHeight(),
		Prepared: len(s.GetPrepared()), AwayMs: s.GetAwayMs(), Address: s.GetAddress(), Digest: seen.StateDigest, Unheard: seen.Unheard(), WaitsFor: []uint32{},
	}
	prepared := s.GetPrepared()
	if own := s.GetReport().GetStatus(); own != nil {
		p.Storage = storageOf(own.GetStorage())
		p.SilentMs = s.GetReport().GetAgeMs()
		if saysNow(s) {
			p.SilentMs = 0
			p.Own = report.ShardOf(own).State
			if p.State == "disconnected" || p.State == "quarantined" { // then it knows best, also if it has lost something
				p.Committed, p.Checkpointed, prepared = own.GetCommittedHeight(), own.GetCheckpointedHeight(), own.GetPrepared()
			}
			p.WaitsFor = append(p.WaitsFor, own.GetWaitsForValues()...)
			if p.Reason == "" && p.Own == "quarantined" {
				p.Reason = own.GetReason()
			}
		}
	}
	p.Lag = height - min(height, p.Committed)
	p.Prepared = len(prepared)
	for _, a := range prepared {
		p.PreparedMs = max(p.PreparedMs, a.GetAgeMs())
	}
	p.InDoubt = p.Prepared > 0 && (p.State == "disconnected" || p.Own == "in_doubt")
	return p
}
