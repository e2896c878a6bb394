package client

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzParseAddresses: a list is refused, or names at least one address, each once, and
// means the same when it is written again.
func FuzzParseAddresses(ff *testing.F) {
	f := fuzz.New(ff)
	for _, list := range []string{"127.0.0.1:7400", "a:1, b:2,,a:1", "[::1]:7400", "a", ":", "[::1", "a:1:2"} {
		f.Add(list)
	}
	f.Bound(400, 1<<17)
	f.Fuzz(func(t testing.TB, list string) {
		addresses, err := ParseAddresses(list)
		if err != nil {
			return
		}
		again, err := ParseAddresses(strings.Join(addresses, ","))
		if err != nil || len(again) == 0 || !slices.Equal(again, addresses) {
			t.Fatalf("%q is read as %q, and that as %q, %v", list, addresses, again, err)
		}
	})
}

// FuzzParseResult: whatever a coordinator says of a block, the client does not read
// past it: every outcome that has a code
// has a name.
func FuzzParseResult(ff *testing.F) {
	f := fuzz.New(ff)
	for _, b := range []*wirepb.Block{
		{Key: "k", Height: 7, BlockId: make([]byte, 32), Root: make([]byte, 32), ShardDigests: [][]byte{make([]byte, 32)},
			Outcomes: &wirepb.Outcomes{Names: []string{"invalid"}, Codes: []byte{0, 1}}},
		{Outcomes: &wirepb.Outcomes{Codes: []byte{1}}},
		{},
	} {
		data, err := proto.Marshal(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Bound(400, 1<<17)
	f.Fuzz(func(t testing.TB, data []byte) {
		var b wirepb.Block
		if proto.Unmarshal(data, &b) != nil {
			return
		}
		r, err := parseResult(&b)
		if err != nil {
			return
		}
		for i := range r.Outcomes.Len() {
			if code := r.Outcomes.Codes[i]; code > 0 && r.Outcomes.At(i) != b.GetOutcomes().GetNames()[code-1] {
				t.Fatalf("outcome %d of %v is read as %q", i, &b, r.Outcomes.At(i))
			}
		}
		if len(r.Digests) != len(b.GetShardDigests()) || string(r.Root[:]) != string(b.GetRoot()) {
			t.Fatalf("%v is read as %+v", &b, r)
		}
	})
}
