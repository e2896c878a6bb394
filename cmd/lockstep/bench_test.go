package main

import (
	"testing"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

func TestBenchWrongUsage(t *testing.T) {
	for _, test := range []struct{ flag, value, sentence string }{
		{"--shards", "0", "--shards must be between 1 and 64, not 0"},
		{"--accounts", "1", "--accounts another value than 1"},
		{"--block-size", "2000000", "--block-size must be at most 1000000"},
		{"--block-size", "0", "--block-size must be more than 0"},
		{"--workload", "none", "--workload must be uniform, zipf, hot, single or read-mostly"},
		{"--duration", "0s", "--duration must be more than 0"},
		{"--rounds", "0", "--rounds must be more than 0"},
		{"--pipeline", "0", "--pipeline must be more than 0"},
		{"--blocks", "-1", "must not be less than 0"},
		{"--compare", "bare,oracle", `--compare takes bare and postgres, not "oracle"`},
		{"--single-share", "2", "--single-share must be between 0 and 1"},
		{"--input", "nowhere.jsonl", "--input: "},
		{"--restart-log", "5000000000", "--restart-log must be between 1 and 4294967296, not 5000000000"},
		{"--away", "-1s", "--away must not be less than 0"},
	} {
		wantFailure(t, lockstep(t, "", "bench", test.flag, test.value), cli.ExitUsage, test.sentence)
	}
}
