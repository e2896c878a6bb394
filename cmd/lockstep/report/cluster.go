package report

import (
	"encoding/hex"
	"strings"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Cluster is the JSON of a cluster's status.
type Cluster struct {
	Cluster      string     `json:"cluster"`
	Epoch        uint64     `json:"epoch"`
	Height       uint64     `json:"height"`
	Root         string     `json:"root"`
	InFlight     []InFlight `json:"in_flight"`
	Shards       []Shard    `json:"shards"`
	QueuedBlocks uint64     `json:"queued_blocks"`
	QueuedBytes  uint64     `json:"queued_bytes"`
	Quarantined  string     `json:"quarantined,omitempty"`
	Version      string     `json:"version,omitempty"`
	// Fsyncs of the coordinator, since it was started.
	Fsyncs uint64 `json:"fsyncs,omitempty"`
	// Transactions of the blocks that were decided in this epoch.
	Transactions uint64 `json:"transactions,omitempty"`
	// Coordinators are there if there are several.
	Coordinators []Coordinator `json:"coordinators,omitempty"`
	// Leader is the name of the coordinator that leads, as far as is known.
	Leader string `json:"leader,omitempty"`
	Term   uint64 `json:"term,omitempty"` // of the group of coordinators
	// Security is what protects the coordinator that was asked.
	Security *Security `json:"security,omitempty"`
	// here: one coordinator was asked about itself alone.
	here bool
}

// Here makes it what one coordinator says of itself, whichever leads.
func (c *Cluster) Here(self *wirepb.CoordinatorStatus, leader string) {
	c.here, c.Leader = true, leader
	c.Coordinators = MembersOf([]*wirepb.CoordinatorStatus{self})
	if self.GetRole() != wirepb.CoordinatorRole_COORDINATOR_ROLE_LEADER {
		c.ForgetShards() // only the leader has sessions with them
	}
}

// InFlight is the JSON of a block that is taken up and not decided.
type InFlight struct {
	Height  uint64 `json:"height"`
	Epoch   uint64 `json:"epoch"`
	Attempt uint32 `json:"attempt"`
	// Phase is executing, voting or deciding. A block without a live attempt,
	// whose attempt number is 0, is yet to be executed.
	Phase string `json:"phase"`
	// stage is Phase for people, who are told when there is no live attempt.
	stage      string
	WaitingFor []uint32 `json:"waiting_for"`
	Block      string   `json:"block"`
	AgeMs      uint64   `json:"age_ms"`
}

// Shard is the JSON of one shard's status.
type Shard struct {
	ID                 uint32     `json:"id"`
	State              string     `json:"state"`
	Reason             string     `json:"reason"`
	CommittedHeight    uint64     `json:"committed_height"`
	CheckpointedHeight uint64     `json:"checkpointed_height"`
	StateDigest        string     `json:"state_digest"`
	Prepared           []Prepared `json:"prepared"`
	Address            string     `json:"address"`
	Epoch              uint64     `json:"epoch,omitempty"`
	Directory          string     `json:"directory,omitempty"`
	Slots              [2]uint32  `json:"slots"` // first and last
	Version            string     `json:"version,omitempty"`
	// Fsyncs is since the shard was started; only the shard itself tells.
	Fsyncs uint64 `json:"fsyncs,omitempty"`
	// Security is what protects the shard, as it said last.
	Security *Security `json:"security,omitempty"`
}

// Prepared is the JSON of an attempt that a shard holds prepared.
type Prepared struct {
	Height  uint64 `json:"height"`
	Epoch   uint64 `json:"epoch"`
	Attempt uint32 `json:"attempt"`
	AgeMs   uint64 `json:"age_ms"`
}

// ClusterOf gives a cluster's status its JSON shape.
func ClusterOf(s *wirepb.ClusterStatus) Cluster {
	c := Cluster{
		Cluster: hex.EncodeToString(s.GetCluster()), Epoch: s.GetEpoch(), Height: s.GetHeight(), Root: hex.EncodeToString(s.GetRoot()),
		QueuedBlocks: s.GetQueuedBlocks(), QueuedBytes: s.GetQueuedBytes(), Quarantined: s.GetQuarantined(), Version: s.GetVersion(), Fsyncs: s.GetFsyncs(),
		InFlight: make([]InFlight, len(s.GetInFlight())), Shards: make([]Shard, len(s.GetShards())),
		Transactions: s.GetActivity().GetTransactions(), Leader: s.GetLeader(), Term: s.GetTerm(), Coordinators: CoordinatorsOf(s.GetCoordinators()),
		Security: securityOf(s.GetSecurity()),
	}
	for i, f := range s.GetInFlight() {
		c.InFlight[i] = InFlight{
			Height: f.GetHeight(), Epoch: f.GetEpoch(), Attempt: f.GetAttempt(), Phase: phaseOf(f.GetPhase()), stage: f.GetPhase(),
			WaitingFor: append([]uint32{}, f.GetWaitingFor()...), Block: f.GetKey(), AgeMs: f.GetAgeMs(),
		}
	}
	for i, shard := range s.GetShards() {
		c.Shards[i] = ShardOf(shard)
	}
	return c
}

func phaseOf(stage string) string {
	if stage == string(protocol.PhaseWaiting) {
		return string(protocol.PhaseExecuting)
	}
	return stage
}

// ForgetShards makes the states of the shards unknown.
func (c Cluster) ForgetShards() {
	for i := range c.Shards {
		c.Shards[i].State, c.Shards[i].Reason = stateName(wirepb.ShardState_SHARD_STATE_UNSPECIFIED), ""
	}
}

// ShardOf gives a shard's status its JSON shape.
func ShardOf(s *wirepb.ShardStatus) Shard {
	shard := Shard{
		ID: s.GetId(), State: stateName(s.GetState()), Reason: s.GetReason(),
		CommittedHeight: s.GetCommittedHeight(), CheckpointedHeight: s.GetCheckpointedHeight(),
		StateDigest: hex.EncodeToString(s.GetStateDigest()), Prepared: make([]Prepared, len(s.GetPrepared())),
		Address: s.GetAddress(), Epoch: s.GetEpoch(), Directory: hex.EncodeToString(s.GetDirectory()),
		Slots: [2]uint32{s.GetFirstSlot(), s.GetLastSlot()}, Version: s.GetVersion(), Fsyncs: s.GetFsyncs(),
		Security: securityOf(s.GetSecurity()),
	}
	if shard.Security == nil {
		shard.Security = securityOf(s.GetReport().GetStatus().GetSecurity())
	}
	for i, p := range s.GetPrepared() {
		shard.Prepared[i] = Prepared{Height: p.GetHeight(), Epoch: p.GetEpoch(), Attempt: p.GetAttempt(), AgeMs: p.GetAgeMs()}
	}
	return shard
}

// Unheard reports whether the coordinator has not heard of the shard since it leads,
// and nobody has said more in its place: then its heights and digest are unknown, not 0.
func (s Shard) Unheard() bool { return s.State == "disconnected" && s.Address == "" }

// HeightCell is a height of the shard for people, and a dash while it is unknown.
func (s Shard) HeightCell(height uint64) string {
	if s.Unheard() {
		return "-"
	}
	return Count(height)
}

// DigestCell is the beginning of its state digest, likewise.
func (s Shard) DigestCell(digits int) string {
	if s.Unheard() {
		return "-"
	}
	return OrDash(s.StateDigest[:min(len(s.StateDigest), digits)])
}

// Stage is the phase for people, who are told when there is no attempt.
func (f InFlight) Stage() string {
	if f.stage == "" {
		return f.Phase
	}
	return f.stage
}

// stateName is the state without its prefix, in small letters.
func stateName(s wirepb.ShardState) string {
	if s == wirepb.ShardState_SHARD_STATE_UNSPECIFIED {
		return "unknown"
	}
	return strings.ToLower(strings.TrimPrefix(s.String(), "SHARD_STATE_"))
}
