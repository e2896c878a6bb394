package history

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// TestGolden pins the format: what is written today must be read for good.
func TestGolden(t *testing.T) {
	d := chain(3)[2]
	end := tip{meta: metaAt(3), height: 3, root: d.Root}
	const want = "0001" + "0000000000000003" +
		"ROOT" +
		"0000000000000008" + "07000000000000000000000000000000" + "0000000000000004" + "0000000000000006" +
		"0002" + "00000000" + "0a000000000000000000000000000000" + "00000002" + "0c000000000000000000000000000000" +
		"CONFIG"
	whole := strings.NewReplacer("ROOT", hex.EncodeToString(d.Root[:]), "CONFIG", hex.EncodeToString(end.meta.Config.Encode())).Replace(want)
	got := encodeTip(end)
	if text := hex.EncodeToString(got); text != whole {
		t.Fatalf("meta record is %s", text)
	}
	read, err := decodeTip(got)
	must(t, err)
	if !sameMeta(read.meta, end.meta) || read.height != 3 || read.root != d.Root {
		t.Fatalf("meta record reads as %+v", read)
	}
	if text := hex.EncodeToString(seal([]byte("1234"), []byte("56789"))); text != "e3069283"+"3536373839" { // the check value of CRC-32C
		t.Fatalf("sealed value is %s", text)
	}
}

func FuzzDecodeTip(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(encodeTip(tip{meta: metaAt(3), height: 3}))
	f.Add([]byte{0, 1})
	f.Bound(1<<9, 1<<18)
	f.Fuzz(func(t testing.TB, b []byte) {
		read, err := decodeTip(b)
		if err != nil {
			return
		}
		if again := encodeTip(read); !bytes.Equal(again, b) {
			t.Fatalf("%x reads as %+v, which is written as %x", b, read, again)
		}
	})
}
