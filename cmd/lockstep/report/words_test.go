package report

import (
	"math"
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Count(0), "0"},
		{Count(999), "999"},
		{Count(1000), "1,000"},
		{Count(-1234567), "-1,234,567"},
		{Count(uint64(math.MaxUint64)), "18,446,744,073,709,551,615"},
		{Plural(1, "block"), "1 block"},
		{Plural(0, "block"), "0 blocks"},
		{Plural(1200, "block"), "1,200 blocks"},
		{Duration(0), "0s"},
		{Duration(12*time.Microsecond + 300), "12µs"},
		{Duration(12345 * time.Microsecond), "12ms"},
		{Duration(1234 * time.Millisecond), "1.23s"},
		{Duration(125*time.Second + 1), "2m5s"},
		{Bytes(1023), "1023 B"},
		{Bytes(1024), "1.0 KiB"},
		{Bytes(3 << 20), "3.0 MiB"},
		{Bytes(math.MaxUint64), "16777216.0 TiB"},
		{Printable("hello wörld"), "hello wörld"},
		{Printable(""), `""`},
		{Printable("a\x1b[31m"), `"a\x1b[31m"`},
		{Printable("\xff"), `"\xff"`},
		{OrDash(""), "-"},
		{Fit("abcdef", 6), "abcdef"},
		{Fit("abcdefg", 6), "ab…efg"},
		{Fit("äöüäöü", 3), "ä…ü"},
		{Phrase("insufficient_funds"), "insufficient funds"},
		{shardList(nil), "-"},
		{shardList([]uint32{1, 2}), "1, 2"},
		{shardList(make([]uint32, 9)), "9 shards"},
		{OutcomeText(map[string]uint64{"overflow": 1, "applied": 2000, "invalid": 3}), "2,000 applied, 3 invalid, 1 overflow"},
		{short("ab"), "ab"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}
