package cluster

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Dump is the state of a stopped cluster: the values in hex, by key.
type Dump map[string]string

// Dump reads the state of all shards, which must not run. A key on two shards
// fails the test.
func (c *Cluster) Dump() Dump {
	c.tb.Helper()
	all := Dump{}
	for _, n := range c.Shards {
		for key, value := range c.dumpNode(n) {
			if _, twice := all[key]; twice {
				c.tb.Fatalf("key %q is on %s and on another shard", key, n.Name)
			}
			all[key] = value
		}
	}
	return all
}

func (c *Cluster) dumpNode(n *Node) Dump {
	c.tb.Helper()
	r := Run(c.tb, c.options.Binary, "recover", "dump", "--data", n.Data)
	if r.Code != 0 {
		c.tb.Fatalf("dump %s: exit code %d: %s", n.Name, r.Code, r.Err)
	}
	d, err := parseDump(r.Out)
	if err != nil {
		c.tb.Fatalf("dump %s: %v", n.Name, err)
	}
	return d
}

func parseDump(text string) (Dump, error) {
	d := Dump{}
	last := ""
	for line := range strings.Lines(text) {
		var pair struct{ Key, Value string }
		if err := json.Unmarshal([]byte(line), &pair); err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		if len(d) > 0 && pair.Key <= last {
			return nil, fmt.Errorf("key %q comes after %q", pair.Key, last)
		}
		d[pair.Key], last = pair.Value, pair.Key
	}
	return d, nil
}

// Differences says where two states differ: nothing if they do not.
func (d Dump) Differences(other Dump) string {
	keys := maps.Clone(d)
	maps.Copy(keys, other)
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		here, ok := d[key]
		there, too := other[key]
		if here != there || ok != too {
			lines = append(lines, fmt.Sprintf("%s: %q (%v), %q (%v)", key, here, ok, there, too))
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d keys differ:\n%s", len(lines), len(keys), strings.Join(lines[:min(len(lines), 10)], "\n"))
}

// WantSame fails the test if two states differ.
func WantSame(tb testing.TB, what string, got, want Dump) {
	tb.Helper()
	if d := got.Differences(want); d != "" {
		tb.Errorf("%s: %s", what, d)
	}
}
