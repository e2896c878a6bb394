package identity_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

var update = flag.Bool("update", false, "write the table of docs/security.md anew")

const (
	securityPage = "../../../docs/security.md"
	tableBegin   = "to write it anew: go test ./protocol/rpc/identity -update -->\n"
	tableEnd     = "<!-- end -->\n"
)

// writeTable is a table with a column for each role.
func writeTable(b *strings.Builder, what string, rules []identity.Rule) {
	fmt.Fprintf(b, "\n| %s |", what)
	for _, role := range identity.Roles() {
		fmt.Fprintf(b, " %s |", role)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" :-: |", len(identity.Roles())) + "\n")
	for _, rule := range rules {
		fmt.Fprintf(b, "| %s |", strings.TrimPrefix(strings.TrimPrefix(rule.Method, "/lockstep.v1."), "/grpc."))
		for _, role := range identity.Roles() {
			if slices.Contains(rule.Roles, role) {
				b.WriteString(" yes |")
			} else {
				b.WriteString(" |")
			}
		}
		b.WriteByte('\n')
	}
}

// The page says what the code does.
func TestThePageHasTheTable(t *testing.T) {
	var table strings.Builder
	writeTable(&table, "gRPC", identity.Table())
	writeTable(&table, "HTTP", identity.PageTable())
	table.WriteByte('\n')
	page, err := os.ReadFile(securityPage)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(page), tableBegin)
	has, tail, ended := strings.Cut(rest, tableEnd)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", securityPage)
	}
	if *update {
		if err := os.WriteFile(securityPage, []byte(head+tableBegin+table.String()+tableEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if has != table.String() {
		t.Errorf("%s is not what the program does: run go test ./protocol/rpc/identity -update", securityPage)
	}
}
