package main

import (
	"strings"

	"github.com/polyfloyd/go-errorlint/errorlint"
)

// module is the path that all packages begin with.
const module = "github.com/lockstep-exec/lockstep/"

// rule is something that is not looked for. Its reason is for those who read this.
type rule struct {
	name   string // of the rule, or of a function
	text   string // only findings that say so; "" for all
	within string // only packages below this folder; "" for all
	reason string
}

// insecurities are rules of gosec that are off.
var insecurities = []rule{
	{"G104", "", "", "errcheck looks for the same"},
	{"G304", "", "", "a path is what the user of the command named, or below a data directory; both are opened with that user's rights"},
	{"G703", "", "", "as G304, by the flow of data"},

	{"G204", "", "cmd", "what is run is this very program, or a PostgreSQL on this machine that bench found; by no shell, and no name comes from a network"},

	{"G404", "", "coordinator/client", "when to try again"},
	{"G404", "", "executor", "when to dial again"},
	{"G404", "", "protocol/tracing", "ids of traces differ from each other; nobody relies on their being secret"},
	{"G404", "", "cmd/lockstep/bench", "a load that its seed repeats"},
	{"G404", "", "cmd/lockstep/demo", "a load that its seed repeats"},
	{"G404", "", "examples", "a load that its seed repeats"},

	{"G115", "conversion int -> uint64", "", "a length, an index or a count of what is in memory: none is negative"},
	{"G115", "conversion int -> uint32", "", "a length, an index or a count of what is in memory, of which blocks, messages and files hold far less than 4 GiB"},
	{"G115", "conversion int -> int32", "", "as int -> uint32"},
	{"G115", "conversion int64 -> uint64", "", "a time since 1970, a duration or a size: none is negative"},
	{"G115", "", "cmd", "a number that a person reads, or that bounds a list; what a daemon keeps is converted elsewhere"},
	{"G115", "", "examples", "heights of a cluster that the example itself began"},
}

// ignorable are functions whose error need not be looked at.
var ignorable = []rule{
	{"fmt.Fprint", "", "", "progress, a log, or an answer over HTTP, on which nothing depends; what a command prints is built in memory, or ends with a write or a flush whose error it returns"},
	{"fmt.Fprintf", "", "", "as fmt.Fprint"},
	{"fmt.Fprintln", "", "", "as fmt.Fprint"},
	{"(net/http.ResponseWriter).Write", "", "", "a client that is gone wants no answer"},
	{"(*" + module + "cmd/lockstep/report.Table).WriteTo(*strings.Builder)", "", "", "a builder takes everything"},
	{"(*" + module + "cmd/lockstep/report.Table).WriteTo(*bufio.Writer)", "", "", "its Flush gives the error"},

	{"(net.Conn).Close", "", "", "a connection that is given up: what had to arrive was answered"},
	{"(net.Listener).Close", "", "", "fails only if it is closed"},
	{"(*google.golang.org/grpc.ClientConn).Close", "", "", "fails only if it is closed"},
	{"(*" + module + "coordinator/client.Client).Close", "", "", "as that of its connection"},
	{"(*" + module + "coordinator/client.Coordinator).Close", "", "", "as that of its connection"},
	{"(*" + module + "coordinator/client.Shard).Close", "", "", "as that of its connection"},
	{"(io.ReadCloser).Close", "", "", "what was only read is not lost"},
	{"(*io.PipeWriter).Close", "", "", "gives no error ever"},
	{"(*go.etcd.io/bbolt.Tx).Rollback", "", "", "fails only if the transaction has ended, and then there is nothing to take back"},
}

// bare are ends of input that come as they are from functions that say so, as
// io.Reader does: wrapped, they mean something else.
var bare = []errorlint.AllowPair{
	{Err: "io.EOF", Fun: "(*os.File).ReadAt"},
	{Err: "bufio.ErrBufferFull", Fun: "(*bufio.Reader).ReadSlice"},
	{Err: "io.EOF", Fun: "(*" + module + "executor/ledger/txfile.lines).next"},
	{Err: "io.EOF", Fun: "(*" + module + "executor/ledger/txfile.Reader).peek"},
}

// testFolders hold packages that only tests use. As in files of tests, which are not
// loaded, what goes unnoticed there shows in what is checked afterwards.
var testFolders = []string{"tests/", "cmd/lockstep/clustertest", "executor/machinetest"}

func leftOut(pkg string) bool {
	for _, folder := range testFolders {
		if strings.HasPrefix(pkg, module+folder) {
			return true
		}
	}
	return false
}

// covers reports whether the rule is off for what a finding in a package says.
func (r rule) covers(f finding, pkg string) bool {
	return r.name == f.rule && strings.Contains(f.text, r.text) &&
		(r.within == "" || strings.HasPrefix(pkg+"/", module+r.within+"/"))
}

// everywhere gives the names of rules that are off without a condition.
func everywhere(rules []rule) []string {
	var names []string
	for _, r := range rules {
		if r.text == "" && r.within == "" {
			names = append(names, r.name)
		}
	}
	return names
}
