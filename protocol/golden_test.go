package protocol

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// unhex reads hexadecimal with spaces, new lines and names of fields in it: a
// word that is not hexadecimal explains the bytes after it.
func unhex(s string) (b []byte) {
	for _, word := range strings.Fields(s) {
		if strings.HasSuffix(word, ":") {
			continue
		}
		part, err := hex.DecodeString(word)
		if err != nil {
			panic(err)
		}
		b = append(b, part...)
	}
	return b
}

func repeat(s string, n int) string { return strings.Repeat(s, n) }

func full(b byte) (d Digest) {
	for i := range d {
		d[i] = b
	}
	return d
}

var goldenTransactions = []Transaction{
	NewTransaction([]byte{1, 2, 3}, []Access{{[]byte("b"), Write}, {[]byte("a"), Read}}),
	NewTransaction(nil, []Access{{[]byte("aa"), Read}, {[]byte("aa"), Write}}),
}

const goldenBody = `
	transactions: 00000002
	keys: 0002  mode: 01 length: 0001 key: 61  mode: 02 length: 0001 key: 62  payload: 00000003 010203
	keys: 0001  mode: 03 length: 0002 key: 6161  payload: 00000000`

const goldenSubBlock = `
	transactions: 00000002
	index: 00000000 keys: 0002  mode: 01 length: 0001 key: 61  mode: 02 length: 0001 key: 62  payload: 00000003 010203
	index: 00000005 keys: 0001  mode: 03 length: 0002 key: 6161  payload: 00000000`

const goldenWrites = `
	writes: 00000003
	key: 0001 61 value: 00000002 0102
	key: 0001 62 deleted: ffffffff
	key: 0002 6262 empty: 00000000`

const goldenOutcomes = `
	names: 02  length: 07 applied: 6170706c696564  length: 07 invalid: 696e76616c6964
	transactions: 00000005
	code: 01 run: 00000002  code: 00 run: 00000001  code: 02 run: 00000002`

var goldenConfig = `
	cluster: ` + repeat("ab", 16) + `
	shards: 0003 starts: 0000 1555 2aaa
	limits: 00000400 00010000 00001000 04000000 000f4240 04000000`

func goldenOutcomesValue() Outcomes {
	return Outcomes{Names: []string{"applied", "invalid"}, Codes: []uint8{1, 1, 0, 2, 2}}
}

func goldenConfigValue() Config {
	c := Config{Slots: EvenSlots(3), Limits: DefaultLimits()}
	for i := range c.Cluster {
		c.Cluster[i] = 0xab
	}
	return c
}

const (
	goldenAttempt = " 0000000000000007 0000000000000003 00000002 "
	goldenParent  = " 0000000000000006 0000000000000001 00000009 "
)

var (
	attempt7 = AttemptID{Height: 7, Epoch: 3, Attempt: 2}
	attempt6 = AttemptID{Height: 6, Epoch: 1, Attempt: 9}
)

// goldenRecords fixes the bytes of every record: they are the format on disk.
func goldenRecords() []struct {
	record Record
	bytes  string
} {
	return []struct {
		record Record
		bytes  string
	}{
		{EpochSeen{5}, `0000000000000005`},
		{Adopted{goldenConfigValue()}, goldenConfig},
		{&Prepared{Attempt: attempt7, Parent: attempt6, Block: full(1), Digest: full(2), Outcomes: goldenOutcomesValue(),
			Writes: []byte{8, 9}, Pushed: []byte{7}, UnixMillis: 258},
			goldenAttempt + goldenParent + repeat("01", 32) + repeat("02", 32) + goldenOutcomes +
				` writes: 00000002 0809 pushed: 00000001 07 time: 0000000000000102`},
		{CommittedRecord{Committed{attempt7, full(3), full(4)}}, goldenAttempt + repeat("03", 32) + repeat("04", 32)},
		{Created{goldenConfigValue()}, goldenConfig},
		{EpochClaimed{6}, `0000000000000006`},
		{Joined{Shard: 2, Directory: DirectoryID(named("dir"))}, `00000002 646972` + repeat("00", 13)},
		{&Proposed{Height: 7, Epoch: 3, Key: "key", After: "up", Block: full(5), Body: []byte{1, 2}},
			`0000000000000007 0000000000000003 key: 00000003 6b6579 after: 00000002 7570 ` + repeat("05", 32) + ` body: 00000002 0102`},
		{Withdrawn{Height: 7, Key: "key"}, `0000000000000007 key: 00000003 6b6579`},
		{&Decision{Attempt: attempt7, Parent: attempt6, Key: "key", Block: full(5), Digests: []Digest{full(6), full(7)}, Root: full(8),
			Outcomes: goldenOutcomesValue(), UnixMillis: 259},
			goldenAttempt + goldenParent + ` key: 00000003 6b6579 ` + repeat("05", 32) + ` shards: 0002 ` + repeat("06", 32) + repeat("07", 32) +
				` root: ` + repeat("08", 32) + goldenOutcomes + ` time: 0000000000000103`},
		{&Resolved{Height: 7, Attempt: attempt7, Key: "key", Action: ResolveWithdraw, By: "ann", Comment: "so", Evidence: full(9), What: "do", UnixMillis: 260},
			`0000000000000007 ` + goldenAttempt + ` key: 00000003 6b6579 action: 03 by: 00000003 616e6e comment: 00000002 736f ` + repeat("09", 32) +
				` what: 00000002 646f time: 0000000000000104`},
	}
}

// golden is one encoding with its bytes and its decoder.
type golden struct {
	name    string
	bytes   []byte
	encoded []byte
	decode  func([]byte) (any, error)
}

func goldens() []golden {
	limits := DefaultLimits()
	sub := SubBlock{{0, goldenTransactions[0]}, {5, goldenTransactions[1]}}
	writes := []WriteOp{{Key: []byte("a"), Value: []byte{1, 2}}, {Key: []byte("b"), Delete: true}, {Key: []byte("bb"), Value: []byte{}}}
	all := []golden{
		{"body", unhex(goldenBody), EncodeBody(goldenTransactions), func(b []byte) (any, error) { return DecodeBody(b, limits) }},
		{"sub-block", unhex(goldenSubBlock), EncodeSubBlock(sub), func(b []byte) (any, error) { return DecodeSubBlock(b, limits) }},
		{"writes", unhex(goldenWrites), EncodeWrites(writes), func(b []byte) (any, error) { return DecodeWrites(b) }},
		{"outcomes", unhex(goldenOutcomes), EncodeOutcomes(goldenOutcomesValue()), func(b []byte) (any, error) { return DecodeOutcomes(b, 5) }},
		{"config", unhex(goldenConfig), goldenConfigValue().Encode(), func(b []byte) (any, error) { return DecodeConfig(b) }},
	}
	for _, r := range goldenRecords() {
		all = append(all, golden{reflect.TypeOf(r.record).String(), unhex(r.bytes), EncodeRecord(r.record),
			func(b []byte) (any, error) { return DecodeRecord(r.record.RecordType(), b) }})
	}
	return all
}

// TestGolden fixes the encodings: they are hashed, sent and kept on disk.
func TestGolden(t *testing.T) {
	for _, g := range goldens() {
		t.Run(g.name, func(t *testing.T) {
			if !bytes.Equal(g.encoded, g.bytes) {
				t.Fatalf("encoded\n%x, want\n%x", g.encoded, g.bytes)
			}
			if _, err := g.decode(g.bytes); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestGoldenRecordsDecode(t *testing.T) {
	for _, r := range goldenRecords() {
		got, err := DecodeRecord(r.record.RecordType(), unhex(r.bytes))
		if err != nil || !reflect.DeepEqual(got, r.record) {
			t.Errorf("%T: got %+v, %v, want %+v", r.record, got, err, r.record)
		}
	}
}

// TestRecordTypes: the numbers are part of the format on disk.
func TestRecordTypes(t *testing.T) {
	var got []RecordType
	for _, r := range goldenRecords() {
		got = append(got, r.record.RecordType())
	}
	if want := []RecordType{1, 2, 3, 4, 16, 17, 18, 19, 20, 21, 22}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if _, err := DecodeRecord(99, nil); !errors.Is(err, ErrMalformed) {
		t.Fatalf("unknown type: %v", err)
	}
}

// TestCutAndLonger: every cut of an encoding is refused, and so is anything
// after its end.
func TestCutAndLonger(t *testing.T) {
	for _, g := range goldens() {
		for n := range g.bytes {
			if _, err := g.decode(g.bytes[:n:n]); !errors.Is(err, ErrMalformed) {
				t.Fatalf("%s cut at %d of %d: %v", g.name, n, len(g.bytes), err)
			}
		}
		if _, err := g.decode(append(bytes.Clone(g.bytes), 0)); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%s with a byte more: %v", g.name, err)
		}
	}
}

// TestFlippedBits: whatever is flipped, a decoder does not panic.
func TestFlippedBits(t *testing.T) {
	for _, g := range goldens() {
		for i := range len(g.bytes) * 8 {
			b := bytes.Clone(g.bytes)
			b[i/8] ^= 1 << (i % 8)
			_, _ = g.decode(b)
		}
	}
}
