package dashboard

import (
	"context"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Source is where a dashboard looks. It is safe for concurrent use.
type Source interface {
	// Look gives the cluster as it is now. It returns when ctx ends.
	Look(ctx context.Context) View
	// API answers for the coordinator that leads; the error says why nobody does.
	API() (API, error)
}

// API is the part of the coordinator's API that the page needs: that of the
// coordinator itself, or of a client that asks another one.
type API interface {
	ListTimelines(context.Context, *wirepb.ListTimelinesRequest) (*wirepb.ListTimelinesResponse, error)
	ListBlocks(context.Context, *wirepb.ListBlocksRequest) (*wirepb.ListBlocksResponse, error)
	GetBlock(context.Context, *wirepb.GetBlockRequest) (*wirepb.GetBlockResponse, error)
}

// View is the cluster as one look found it.
type View struct {
	Here Here
	// Cluster is as the coordinator sees it that leads; nil if there is none, or it
	// could not be asked.
	Cluster *wirepb.ClusterStatus
	// Members are the coordinators, if there are several and the leader is known.
	Members []*wirepb.CoordinatorStatus
	// Failure says why Cluster is nil: one sentence.
	Failure string
}

// Here is the coordinator that shows the page.
type Here struct {
	Name          string `json:"name"`
	Leads         bool   `json:"leads"`
	Alone         bool   `json:"alone"`   // the only coordinator of its cluster
	Waiting       bool   `json:"waiting"` // to be added to a cluster
	Removed       bool   `json:"removed"` // from its cluster
	Leader        string `json:"leader"`
	LeaderAddress string `json:"leader_address"`
}
