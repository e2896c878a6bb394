package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/clustertest"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// transfers has two named blocks, and lines that are batched after them.
const transfers = `{"block":"46147","id":"0x5c50","ops":[{"op":"transfer","from":"alice","to":"bob","amount":"31337"},{"op":"debit","account":"alice","amount":"21000"}]}
{"block":"46147","ops":[{"op":"credit","account":"carol","amount":"1"}]}
{"block":"46147","id":"0x5c52","ops":[{"op":"put","key":"x","value":"1"}]}
{"block":"46170","ops":[{"op":"delete","key":"x"}]}
{"ops":[{"op":"require","key":"x","absent":true}]}
{"ops":[{"op":"put","key":"y","value_base64":"AA=="}]}
`

func transfersFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "transfers.jsonl")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func submitFile(t *testing.T, s *clustertest.Server, args ...string) result {
	t.Helper()
	return lockstep(t, transfers, append([]string{"submit", "--coordinator", s.Address, "--log-level", "error"}, args...)...)
}

func wantOrder(t *testing.T, s *clustertest.Server, keys ...string) {
	t.Helper()
	var got []string
	for _, b := range s.Blocks() {
		got = append(got, b.GetKey())
	}
	if strings.Join(got, " ") != strings.Join(keys, " ") {
		t.Errorf("committed %q, want %q", got, keys)
	}
}

func TestSubmitOutput(t *testing.T) {
	for _, test := range []struct {
		args   []string
		golden string
	}{
		{nil, "submit.txt"},
		{[]string{"-o", "json"}, "submit.json"},
		{[]string{"-o", "json", "--outcomes"}, "submit_outcomes.json"},
		{[]string{"--outcomes"}, "submit_outcomes.txt"},
	} {
		t.Run(test.golden, func(t *testing.T) {
			s := clustertest.Start(t)
			wantDone(t, submitFile(t, s, append(test.args, transfersFile(t, transfers))...), test.golden)
		})
	}
}

func TestManyBlocksAreSummedUp(t *testing.T) {
	s := clustertest.Start(t)
	input := strings.Repeat(`{"ops":[{"op":"credit","account":"a","amount":"1"}]}`+"\n", 6000)
	wantDone(t, lockstep(t, input, "submit", "--coordinator", s.Address, "--block-size", "100", "-"), "submit_many.txt")
}

func TestSubmitNothing(t *testing.T) {
	s := clustertest.Start(t)
	wantDone(t, lockstep(t, "\n", "submit", "--coordinator", s.Address, "-"), "submit_nothing.txt")
}

func TestSubmitAgainGivesTheFirstAnswer(t *testing.T) {
	s, path := clustertest.Start(t), transfersFile(t, transfers)
	wantDone(t, submitFile(t, s, "-o", "json", path), "submit.json")
	wantDone(t, submitFile(t, s, "-o", "json", path), "submit.json")
	if n := len(s.Blocks()); n != 3 {
		t.Errorf("%d blocks committed, want 3", n)
	}
}

// Lost answers, overload and lost connections change neither the result nor
// the order.
func TestSubmitThroughTrouble(t *testing.T) {
	s := clustertest.Start(t)
	s.Steps = []clustertest.Step{
		clustertest.Overloaded, clustertest.CommitAndCut, clustertest.Commit, clustertest.Cut,
		clustertest.Fail(codes.Aborted, "a higher epoch exists"), clustertest.Decide(wirepb.Decision_DECISION_UNKNOWN, "it lost its role"),
	}
	wantDone(t, submitFile(t, s, "-o", "json", transfersFile(t, transfers)), "submit.json")
}

func TestSubmitEndsWithTheFirstBlockNotCommitted(t *testing.T) {
	for _, test := range []struct {
		name     string
		decision wirepb.Decision
		reason   string
		code     int
		sentence string
	}{
		{"aborted", wirepb.Decision_DECISION_ABORTED, "the deadline passed while shards [2] were not connected",
			cli.ExitFailed, `block "46170" was aborted: the deadline passed while shards [2] were not connected`},
		{"rejected", wirepb.Decision_DECISION_REJECTED, "the machine panicked",
			cli.ExitFailed, `block "46170" was aborted: the machine panicked`},
		{"unknown", wirepb.Decision_DECISION_UNKNOWN, "it lost its role",
			cli.ExitUnknown, `the outcome of block "46170" is unknown: no answer within 500ms: the coordinator cannot tell: it lost its role: nothing is lost, run the same command again to learn it`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := clustertest.Start(t)
			s.Steps, s.Rest = []clustertest.Step{clustertest.Commit}, clustertest.Decide(test.decision, test.reason)
			r := submitFile(t, s, "-o", "json", "--timeout", "500ms", transfersFile(t, transfers))
			wantFailure(t, r, test.code, test.sentence)
			wantGolden(t, r.out, "submit_"+test.name+".json")
			wantOrder(t, s, "46147")
		})
	}
}

func TestSubmitConflict(t *testing.T) {
	s := clustertest.Start(t)
	submitFile(t, s, transfersFile(t, transfers))
	r := submitFile(t, s, transfersFile(t, strings.Replace(transfers, "31337", "31338", 1)))
	wantFailure(t, r, cli.ExitFailed, `block "46147" (from line 1): the coordinator at `+s.Address+` answers: block key "46147" belongs to a block with other content`)
}

func TestSubmitMalformedFile(t *testing.T) {
	s := clustertest.Start(t)
	path := transfersFile(t, transfers+`{"ops":[{"op":"credit","account":"a","amount":"-1"}]}`+"\n")
	r := submitFile(t, s, path)
	wantFailure(t, r, cli.ExitFailed, path+":7: ")
	wantOrder(t, s, "46147", "46170") // but not the batch with the fault
}

func TestSubmitWrongUsage(t *testing.T) {
	s := clustertest.Start(t)
	path := transfersFile(t, transfers)
	for _, args := range [][]string{
		{}, {"--block-size", "0", path}, {"--pipeline", "0", path}, {"--timeout", "0s", path}, {path, path + ".gone"}, {"-", "-"},
	} {
		wantFailure(t, submitFile(t, s, args...), cli.ExitUsage, "")
	}
	if s.Calls() > 0 {
		t.Errorf("%d blocks were sent", s.Calls())
	}
}

func TestSubmitPipeline(t *testing.T) {
	s := clustertest.Start(t)
	input := strings.Repeat(`{"ops":[{"op":"credit","account":"a","amount":"1"}]}`+"\n", 64)
	r := lockstep(t, input, "submit", "--coordinator", s.Address, "--pipeline", "8", "--block-size", "1", "-o", "json", "-")
	if r.code != cli.ExitDone || strings.Count(r.out, `"decision":"committed"`) != 64 {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
}
