package wire

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

func TestCut(t *testing.T) {
	data := bytes.Repeat([]byte{7}, 300)
	b, err := proto.Marshal(&wirepb.Frame{Lane: Bulk, More: true, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	number := NumberOf((*wirepb.Frame)(nil), "data")
	rest, held, ok := Cut(b, number)
	if !ok || !bytes.Equal(held, data) {
		t.Fatalf("cut %x out of %x: %v", held, b, ok)
	}
	var m wirepb.Frame
	if err := proto.Unmarshal(rest, &m); err != nil || m.Lane != Bulk || !m.More || m.Data != nil {
		t.Fatalf("what is left is %v, %v", &m, err)
	}
	again := protowire.AppendBytes(protowire.AppendTag(bytes.Clone(b), number, protowire.BytesType), data)
	for what, b := range map[string][]byte{"nothing": nil, "no such field": rest, "twice": again, "half a field": b[:len(b)-1]} {
		if _, _, ok := Cut(b, number); ok {
			t.Errorf("%s: something was cut", what)
		}
	}
}

// FuzzCut: a message is the same, whether protobuf reads all of it or the rest
// of a cut, and fails in both cases or in none.
func FuzzCut(ff *testing.F) {
	f := fuzz.New(ff)
	number := NumberOf((*wirepb.Frame)(nil), "data")
	f.Add([]byte{8, 2, 16, 1, 26, 3, 1, 2, 3})
	f.Add([]byte{26, 0, 26, 1, 1})
	f.Bound(1<<7, 1<<17)
	f.Fuzz(func(t testing.TB, b []byte) {
		rest, held, ok := Cut(b, number)
		if !ok {
			return
		}
		var whole, parts wirepb.Frame
		errWhole, errParts := proto.Unmarshal(b, &whole), proto.Unmarshal(rest, &parts)
		if (errWhole == nil) != (errParts == nil) {
			t.Fatalf("%v for the whole, %v for the rest", errWhole, errParts)
		}
		if parts.Data = held; errWhole == nil && (whole.Lane != parts.Lane || whole.More != parts.More || !bytes.Equal(whole.Data, parts.Data)) {
			t.Fatalf("the whole is %v, the parts are %v", &whole, &parts)
		}
	})
}
