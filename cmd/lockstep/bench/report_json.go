package bench

import (
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
)

// Report is what a measurement came to. What was not measured, or what the
// system does not tell, is null.
type Report struct {
	Throughput float64             `json:"throughput_tps"` // transactions from the first submission to the last answer
	Latency    measure.Percentiles `json:"latency_ms"`     // of blocks under that load, from submission to answer
	// FsyncP50 is what appending 4 KiB and syncing takes on the same disk.
	FsyncP50 float64             `json:"fsync_ms_p50"`
	Fsync    measure.Percentiles `json:"fsync_ms"`
	// Tiny is the latency of blocks of one transaction, one at a time.
	Tiny       *measure.Percentiles  `json:"one_transaction_latency_ms"`
	CPUPer     *float64              `json:"cpu_us_per_tx"`        // of all daemons, until all is checkpointed
	WrittenPer *float64              `json:"written_bytes_per_tx"` // likewise
	FsyncsPer  *float64              `json:"fsyncs_per_tx"`        // likewise
	Peak       map[string]int64      `json:"peak_rss_bytes"`       // by daemon, since its start
	Settled    float64               `json:"checkpointed_tps"`     // transactions until all is checkpointed
	Seconds    float64               `json:"seconds"`              // from the first submission to the last answer
	SettledIn  float64               `json:"checkpointed_seconds"` // from the first submission until all was checkpointed
	Cross      float64               `json:"cross_shard_share"`    // transactions with keys on several shards, 0 to 1
	Blocks     int                   `json:"blocks"`
	Tx         int                   `json:"transactions"`
	Outcomes   map[string]uint64     `json:"outcomes"`
	Compare    map[string]Comparison `json:"compare"` // by system
	Rounds     []RoundReport         `json:"rounds"`  // in order; what stands above is of the median one
	Restart    *Restart              `json:"restart"` // of the first round, as what follows
	Away       *Away                 `json:"away"`
	Checks     Checks                `json:"checks"`
	Processes  []Process             `json:"processes"` // the daemons, and whoever submits
	Settings   Settings              `json:"settings"`
	Machine    measure.Machine       `json:"machine"`
	Began      time.Time             `json:"began"`
	Pace       []PacePoint           `json:"throughput_over_time"`
	Latencies  []Bin                 `json:"latency_distribution_ms"`
}

// Comparison is a system next to Lockstep, in the same run.
type Comparison struct {
	Figures           // of the median round
	Ratio     float64 `json:"ratio"`     // throughput of Lockstep divided by theirs: the median of the rounds
	Lowest    float64 `json:"ratio_min"` // of the rounds
	Highest   float64 `json:"ratio_max"`
	SettledBy float64 `json:"ratio_when_checkpointed"` // the same, of Lockstep until all was checkpointed
	// CPURatio is the processor time for a transaction, of Lockstep's daemons
	// divided by theirs.
	CPURatio *float64 `json:"cpu_ratio"`
	What     string   `json:"what"`
}

// RoundReport is one round, in transactions a second.
type RoundReport struct {
	Throughput float64            `json:"throughput_tps"`
	Compare    map[string]float64 `json:"compare"`
}

// PacePoint is the throughput of a while.
type PacePoint struct {
	At         float64 `json:"at_s"` // its end, since the first submission
	Throughput float64 `json:"tps"`
}

// Bin counts blocks whose latency is above the bin before it and up to To.
type Bin struct {
	To     float64 `json:"to_ms"`
	Blocks int     `json:"blocks"`
}

// Settings are what the figures depend on.
type Settings struct {
	Shards        int      `json:"shards"`
	Coordinators  int      `json:"coordinators"`
	Workload      string   `json:"workload"`
	Accounts      int      `json:"accounts"`
	BlockSize     int      `json:"block_size"`
	Pipeline      int      `json:"pipeline"`
	Seed          uint64   `json:"seed"`
	Skew          *float64 `json:"skew"`
	SingleShare   *float64 `json:"single_share"`
	ReadShare     *float64 `json:"read_share"`
	Input         string   `json:"input"`
	DistinctBlock int      `json:"distinct_blocks"` // made ahead; sent again under new keys if they did not last
	LoadGenerator string   `json:"load_generator"`
	Coordinator   string   `json:"coordinator"` // of a cluster that ran before
}
