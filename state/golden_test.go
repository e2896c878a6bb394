package state

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

func goldenCheckpoint() Checkpoint {
	cp := Checkpoint{
		Shard:     3,
		Epoch:     0x0102030405060708,
		Committed: protocol.Committed{Attempt: protocol.AttemptID{Height: 0x1112131415161718, Epoch: 0x2122232425262728, Attempt: 0x31323334}},
		Log:       LogPosition{Keep: 0x4142434445464748, Forced: 0x5152535455565758},
		Config: protocol.Config{Slots: protocol.EvenSlots(4), Limits: protocol.Limits{
			KeyBytes: 0x400, ValueBytes: 0x10000, TransactionKeys: 0x1000,
			BlockBytes: 0x4000000, BlockTransactions: 0xf4240, TransactionPayload: 0x4000000,
		}},
	}
	fill(cp.Directory[:], 0xd1)
	fill(cp.Committed.Digest[:], 0xd2)
	fill(cp.Committed.Root[:], 0xd3)
	fill(cp.Log.ID[:], 0xd4)
	fill(cp.Config.Cluster[:], 0xd5)
	return cp
}

func fill(b []byte, with byte) {
	for i := range b {
		b[i] = with
	}
}

// goldenRecord is the meta record of format version 1, as doc.go has it. It
// never changes; another layout is another version.
var goldenRecord = strings.Join([]string{
	"355d5198", "0001", "00000003", strings.Repeat("d1", 16), "0102030405060708",
	"1112131415161718", "2122232425262728", "31323334",
	strings.Repeat("d2", 32), strings.Repeat("d3", 32),
	strings.Repeat("d4", 16), "4142434445464748", "5152535455565758",
	"00000032", strings.Repeat("d5", 16), "0004", "0000", "1000", "2000", "3000",
	"00000400", "00010000", "00001000", "04000000", "000f4240", "04000000",
}, " ")

func TestGoldenBytes(t *testing.T) {
	if got := hex.EncodeToString(appendSealed(nil, []byte("account/alice"), []byte{0x03, 0xe8})); got != "37a5c572"+"03e8" {
		t.Errorf("stored pair is %s", got)
	}
	if got := hex.EncodeToString(appendSealed(nil, checkpointKey, goldenCheckpoint().encode())); got != strings.ReplaceAll(goldenRecord, " ", "") {
		t.Errorf("meta record is %s", got)
	}
}

func TestCheckpointRoundTrip(t *testing.T) {
	for name, cp := range map[string]Checkpoint{"full": goldenCheckpoint(), "empty": {}} {
		t.Run(name, func(t *testing.T) {
			record := cp.encode()
			got, err := decodeCheckpoint(record)
			must(t, err)
			if !bytes.Equal(got.encode(), record) || !got.Config.Equal(cp.Config) || got.Committed != cp.Committed {
				t.Errorf("%+v, want %+v", got, cp)
			}
			for n := range record {
				if _, err := decodeCheckpoint(record[:n]); !errors.Is(err, ErrDamaged) {
					t.Errorf("%d of %d bytes: %v", n, len(record), err)
				}
			}
			_, err = decodeCheckpoint(append(record, 0))
			wantErr(t, err, ErrDamaged)
			record[1] = 2
			_, err = decodeCheckpoint(record)
			wantErr(t, err, ErrFormat)
		})
	}
}

func FuzzDecodeCheckpoint(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(goldenCheckpoint().encode())
	f.Add(Checkpoint{}.encode())
	f.Bound(1<<9, 1<<18)
	f.Fuzz(func(t testing.TB, record []byte) {
		cp, err := decodeCheckpoint(record)
		if err == nil && !bytes.Equal(cp.encode(), record) {
			t.Errorf("%x reads as %+v, which is written as %x", record, cp, cp.encode())
		}
	})
}

func TestSealFindsEveryChange(t *testing.T) {
	key, value := []byte("key"), []byte("value")
	stored := appendSealed(nil, key, value)
	got, err := unseal(key, stored)
	must(t, err)
	if !bytes.Equal(got, value) {
		t.Fatalf("value %q", got)
	}
	for bit := range 8 * len(stored) {
		changed := bytes.Clone(stored)
		changed[bit/8] ^= 1 << (bit % 8)
		_, err := unseal(key, changed)
		wantErr(t, err, ErrDamaged)
	}
	_, err = unseal([]byte("kez"), stored)
	wantErr(t, err, ErrDamaged)
	var damage *DamageError
	if !errors.As(err, &damage) || string(damage.Key) != "kez" {
		t.Errorf("error %v does not name the key", err)
	}
	for n := range stored {
		_, err := unseal(key, stored[:n])
		wantErr(t, err, ErrDamaged)
	}
}
