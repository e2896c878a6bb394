package e2e

import (
	"encoding/json"
	"testing"
)

// values is what get -o json prints.
type values struct {
	Height uint64 `json:"height"`
	Shard  int    `json:"shard"`
	Values []struct {
		Key     string `json:"key"`
		Found   bool   `json:"found"`
		Balance string `json:"balance"`
	} `json:"values"`
}

func parseValues(t *testing.T, out string) (v values) {
	t.Helper()
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return v
}
