package proof

import (
	"encoding/hex"
	"fmt"
)

// Finding is a difference between what is and what should be.
type Finding struct {
	Shard    int    `json:"shard"`         // -1 for one that is not about one shard
	Key      string `json:"key,omitempty"` // empty if it is not about one key
	What     string `json:"what"`
	Expected string `json:"expected,omitempty"`
	Actual   string `json:"actual,omitempty"`
}

func (f Finding) String() string {
	s := f.What
	if f.Key != "" {
		s = fmt.Sprintf("key %q %s", f.Key, s)
	}
	if f.Shard >= 0 {
		s = fmt.Sprintf("shard %d: %s", f.Shard, s)
	}
	if f.Expected != "" || f.Actual != "" {
		s += fmt.Sprintf(": expected %s, actual %s", f.Expected, f.Actual)
	}
	return s
}

// cluster is the shard of a finding about no single one.
const cluster = -1

// mostFindings bounds what is kept of a state that has nothing in common with
// the one it should be.
const mostFindings = 100

// absent is how a finding shows that there is no value.
const absent = "absent"

// shown is how a finding shows a value: its beginning, if it is long.
func shown(value []byte) string {
	const most = 40
	if len(value) > most {
		return fmt.Sprintf("%x… (%d bytes)", value[:most], len(value))
	}
	if len(value) == 0 {
		return "an empty value"
	}
	return "0x" + hex.EncodeToString(value)
}
