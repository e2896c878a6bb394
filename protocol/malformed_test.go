package protocol

import (
	"errors"
	"runtime"
	"strings"
	"testing"
)

func TestMalformed(t *testing.T) {
	limits := DefaultLimits()
	limits.KeyBytes, limits.TransactionKeys, limits.BlockBytes, limits.BlockTransactions, limits.TransactionPayload = 4, 2, 1<<10, 3, 5
	body := func(s string) error { _, err := DecodeBody(unhex(s), limits); return err }
	sub := func(s string) error { _, err := DecodeSubBlock(unhex(s), limits); return err }
	writes := func(s string) error { _, err := DecodeWrites(unhex(s)); return err }
	outcomes := func(s string) error { _, err := DecodeOutcomes(unhex(s), 3); return err }
	config := func(s string) error { _, err := DecodeConfig(unhex(s)); return err }
	one := " 0001 01 0001 61 00000000 "
	for _, c := range []struct {
		what string
		err  error
		want string
	}{
		{"more transactions than bytes", body("00000002" + one), "transactions in a block"},
		{"more transactions than the limit", body("00000004" + one + one + one + one), "at most 3"},
		{"a block over the limit", body("00000001 0001 01 0001 61 00000400" + strings.Repeat("00", 1<<10)), "over the limit"},
		{"no keys", body("00000001 0000 00000003 010203 00"), "no keys"},
		{"too many keys", body("00000001 0003 01 0001 61 01 0001 62 01 0001 63 00000000"), "keys in a transaction"},
		{"mode 0", body("00000001 0001 00 0001 61 00000000"), "mode 0"},
		{"mode 4", body("00000001 0001 04 0001 61 00000000"), "mode 4"},
		{"an empty key", body("00000001 0001 01 0000 00000000 00"), "empty key"},
		{"a key over the limit", body("00000001 0001 01 0005 6161616161 00000000"), "key of 5 bytes"},
		{"a key twice", body("00000001 0002 01 0001 61 02 0001 61 00000000"), "ascending"},
		{"keys out of order", body("00000001 0002 01 0001 62 02 0001 61 00000000"), "ascending"},
		{"a payload over the limit", body("00000001 0001 01 0001 61 00000006 010203040506"), "payload of 6"},
		{"a payload that is not there", body("00000001 0001 01 0001 61 00000005 01"), "bytes wanted"},
		{"the same index twice", sub("00000002 00000001" + one + "00000001" + one), "indexes"},
		{"indexes that fall", sub("00000002 00000002" + one + "00000001" + one), "indexes"},
		{"an index beyond every block", sub("00000001 00000003" + one), "index 3"},
		{"writes out of order", writes("00000002 0001 62 00000000 0001 61 00000000"), "ascending"},
		{"a key written twice", writes("00000002 0001 61 00000000 0001 61 ffffffff"), "ascending"},
		{"more writes than bytes", writes("00000002 0001 61 00000000"), "writes"},
		{"too many outcomes", outcomes("00 00000004 00 00000004"), "outcomes"},
		{"a run of nothing", outcomes("00 00000001 00 00000000"), "run of 0"},
		{"a run that is too long", outcomes("00 00000002 00 00000003"), "run of 3"},
		{"a code without a name", outcomes("01 01 61 00000001 02 00000001"), "code 2"},
		{"an empty name", outcomes("01 00 00000001 01 00000001"), "empty"},
		{"a name that is too long", outcomes("01 41 " + strings.Repeat("61", 65) + " 00000001 01 00000001"), "too long"},
		{"a name twice", outcomes("02 01 61 01 61 00000001 01 00000001"), "twice"},
		{"no cluster", config(strings.Replace(goldenConfig, "ab", "00", 16)), "no cluster"},
		{"no shards", config(strings.Replace(goldenConfig, "0003 starts: 0000 1555 2aaa", "0000", 1)), "slot table"},
		{"too many shards", config(strings.Replace(goldenConfig, "0003", "0401", 1)), "1025 shards"},
		{"slots out of order", config(strings.Replace(goldenConfig, "2aaa", "1555", 1)), "out of order"},
		{"a limit of nothing", config(strings.Replace(goldenConfig, "limits: 00000400", "00000000", 1)), "key limit"},
	} {
		if !errors.Is(c.err, ErrMalformed) || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.what, c.err, c.want)
		}
	}
}

// TestClaimsAllocateLittle: a few bytes that claim to hold very much are
// refused before memory is taken for them.
func TestClaimsAllocateLittle(t *testing.T) {
	limits := DefaultLimits()
	const most = 2 << 20
	for name, decode := range map[string]func(){
		"body":        func() { _, _ = DecodeBody(unhex("000f4240 ffff"), limits) },
		"keys":        func() { _, _ = DecodeBody(unhex("00000001 ffff 01 0001 61 00000000"), limits) },
		"sub-block":   func() { _, _ = DecodeSubBlock(unhex("ffffffff 00000000 ffff"), limits) },
		"writes":      func() { _, _ = DecodeWrites(unhex("ffffffff 0001 61")) },
		"write value": func() { _, _ = DecodeWrites(unhex("00000001 0001 61 fffffffe 00")) },
		"outcomes":    func() { _, _ = DecodeOutcomes(unhex("00 ffffffff 00 ffffffff"), 1_000_000) },
		"prepared":    func() { _, _ = DecodeRecord(RecordPrepared, append(make([]byte, 104), unhex("ff 40")...)) },
		"proposed":    func() { _, _ = DecodeRecord(RecordProposed, append(make([]byte, 16), unhex("ffffffff 40")...)) },
		"decision": func() {
			_, _ = DecodeRecord(RecordDecided, append(make([]byte, 40), unhex("00000000"+strings.Repeat("00", 32)+"ffff")...))
		},
		"config": func() { _, _ = DecodeConfig(append(make([]byte, 16), 0xff, 0xff)) },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		decode()
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > most {
			t.Errorf("%s: %d bytes allocated", name, got)
		}
	}
}
