package main

import (
	"testing"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

func TestShardWrongUsage(t *testing.T) {
	for _, test := range []struct{ flag, value, sentence string }{
		{"--id", "-1", "--id must be between 0 and"},
		{"--checkpoint-age", "0s", "--checkpoint-age must be more than 0"},
		{"--checkpoint-bytes", "-1", "--checkpoint-bytes must be more than 0"},
		{"--checkpoint-bytes", "2000000000000", "--checkpoint-bytes must be at most 1099511627776"},
	} {
		args := []string{"shard", "--id", "0", "--data", t.TempDir(), "--coordinator", "127.0.0.1:1", test.flag, test.value}
		wantFailure(t, lockstep(t, "", args...), cli.ExitUsage, test.sentence)
	}
}
