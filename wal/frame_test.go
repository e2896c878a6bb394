package wal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// goldenID is 00 01 02 … 0f.
var goldenID = ID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

func goldenFrame() []byte {
	body := []byte("lockstep")
	h := header{typ: 7, id: goldenID, seq: 0x0102030405060708, durable: 0x0102030405060700, length: 8, bodySum: checksum(body)}
	return appendFrame(nil, h, body)
}

// TestGoldenFrame pins the bytes on disk. If it fails, frameVersion must grow.
func TestGoldenFrame(t *testing.T) {
	const want = "8d4c5357" + "01" + "07" + "0000" + // magic, version, type, zero
		"000102030405060708090a0b0c0d0e0f" + // log id
		"0102030405060708" + "0102030405060700" + // sequence, durable
		"00000008" + "617fe83e" + "f407665d" + // length, body sum, header sum
		"6c6f636b73746570" // body
	if got := hex.EncodeToString(goldenFrame()); got != want {
		t.Errorf("frame is\n%s, want\n%s", got, want)
	}
}

// TestGoldenRegister pins the bytes of META and MARK.
func TestGoldenRegister(t *testing.T) {
	const want = "4c53574d455441" + "01" + "000102030405060708090a0b0c0d0e0f" +
		"0000000000000003" + "0000000000000009" + "d2228000"
	got := hex.EncodeToString(slot{id: goldenID, generation: 3, value: 9}.encode(metaKind))
	if got != want {
		t.Errorf("slot is\n%s, want\n%s", got, want)
	}
}

// TestGoldenEntry pins what tidwall/wal puts round a frame in a segment file.
func TestGoldenEntry(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	l := mustOpen(t, dir, Options{})
	body := bytes.Repeat([]byte{'x'}, 200)
	_, err := l.Append(Record{3, body})
	must(t, err)
	must(t, l.Close())
	got, err := os.ReadFile(filepath.Join(dir, "00000000000000000001"))
	must(t, err)
	frame := appendFrame(nil, header{typ: 3, id: l.ID(), seq: 1, length: 200, bodySum: checksum(body)}, body)
	want := append(binary.AppendUvarint(nil, uint64(len(frame))), frame...)
	if !bytes.Equal(got, want) || entryBytes(200) != int64(len(want)) {
		t.Errorf("segment is %x, want %x", got, want)
	}
}

func TestFrameEveryBit(t *testing.T) {
	good := goldenFrame()
	if h, body, err := decodeFrame(good); err != nil || h.seq != 0x0102030405060708 || string(body) != "lockstep" {
		t.Fatal(h, body, err)
	}
	for bit := range len(good) * 8 {
		bad := bytes.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, _, err := decodeFrame(bad); !crashShaped(err) {
			t.Errorf("bit %d flipped: %v", bit, err)
		}
	}
	for n := range good {
		if _, _, err := decodeFrame(good[:n]); err != errTorn {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

// TestFrameForged holds the frames against the decoder that no crash leaves:
// the sums are right, the content is not.
func TestFrameForged(t *testing.T) {
	forge := func(change func(b []byte)) []byte {
		b := goldenFrame()
		change(b)
		binary.BigEndian.PutUint32(b[48:], checksum(b[:48]))
		return b
	}
	for name, tc := range map[string]struct {
		change func(b []byte)
		want   error
	}{
		"version":   {func(b []byte) { b[4] = 2 }, errVersion},
		"type zero": {func(b []byte) { b[5] = 0 }, errHeader},
		"flags":     {func(b []byte) { b[6] = 1 }, errHeader},
		"too long":  {func(b []byte) { binary.BigEndian.PutUint32(b[40:], MaxRecordBytes+1) }, errHeader},
		"durable":   {func(b []byte) { copy(b[32:40], b[24:32]) }, errHeader},
		"longer":    {func(b []byte) { binary.BigEndian.PutUint32(b[40:], 9) }, errTorn},
	} {
		if _, _, err := decodeFrame(forge(tc.change)); err != tc.want {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestDecodeEntryPrefix(t *testing.T) {
	frame := goldenFrame()
	for prefix, good := range map[string]bool{
		"\x3c":                     true,
		"":                         false, // the magic is taken for a length
		"\x3b":                     false, // one too short
		"\x3d":                     false, // one too long
		"\xbc\x00":                 false, // right, but longer than needed
		"\x00":                     false, // an entry without content
		strings.Repeat("\xff", 10): false, // no number at all
	} {
		_, _, _, err := decodeEntry(append([]byte(prefix), frame...))
		if (err == nil) != good || !good && !crashShaped(err) {
			t.Errorf("prefix %x: %v", prefix, err)
		}
	}
	if _, _, _, err := decodeEntry(nil); err != errTorn {
		t.Errorf("nothing: %v", err)
	}
}

// TestRegisterTorn spoils the slot that is written, at every length, and finds
// the value before or after.
func TestRegisterTorn(t *testing.T) {
	dir := scratch(t)
	must(t, createRegister(dir, metaName, metaKind, slot{id: goldenID, value: 10}))
	path := filepath.Join(dir, metaName)
	for value := uint64(11); value < 14; value++ {
		before, err := os.ReadFile(path)
		must(t, err)
		s, err := readSlot(path, metaKind)
		must(t, err)
		r, err := openRegister(path, metaKind, s)
		must(t, err)
		must(t, r.store(value))
		must(t, r.force())
		must(t, r.close())
		after, err := os.ReadFile(path)
		must(t, err)
		for n := range slotBytes + 1 {
			at := int(slotOffset(r.slot.generation))
			torn := bytes.Clone(before)
			copy(torn[at:at+n], after[at:])
			got, err := currentSlot(torn, metaKind)
			must(t, err)
			if got.value != value-1 && (got.value != value || !bytes.Equal(torn, after)) {
				t.Fatalf("torn at %d: value %d", n, got.value)
			}
		}
	}
}

func TestRegisterUnknownVersion(t *testing.T) {
	b := slot{id: goldenID, generation: 1}.encode(markKind)
	b[7]++
	binary.BigEndian.PutUint32(b[40:], checksum(b[:40]))
	if _, err := currentSlot(b, markKind); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
	dir := filepath.Join(scratch(t), "log")
	fill(t, dir, Options{}, 3)
	copy(b, metaKind[:])
	binary.BigEndian.PutUint32(b[40:], checksum(b[:40]))
	must(t, os.WriteFile(filepath.Join(dir, metaName), b, 0o600))
	before := take(t, dir)
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrFormat) || errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if !before.equal(t, dir) {
		t.Error("a refused open changed something")
	}
}

// FuzzDecodeEntry: whatever the bytes, the decoder does not panic, believes no
// length, and what it accepts encodes to the same bytes.
func FuzzDecodeEntry(ff *testing.F) {
	f := fuzz.New(ff)
	frame := goldenFrame()
	f.Add(append([]byte{60}, frame...))
	f.Add(frame)
	f.Add([]byte{0})
	f.Add(bytes.Repeat([]byte{0xff}, 64))
	f.Bound(1<<7, 1<<17)
	f.Fuzz(func(t testing.TB, b []byte) {
		h, body, size, err := decodeEntry(b)
		if err != nil {
			return
		}
		frame := appendFrame(nil, h, body)
		if entry := append(binary.AppendUvarint(nil, uint64(len(frame))), frame...); !bytes.Equal(entry, b[:size]) {
			t.Fatalf("%x was read from %x", entry, b[:size])
		}
	})
}

// FuzzFrameFields: any frame, with sums made right, decodes to what it says or
// is refused; so the checks behind the sums get work too.
func FuzzFrameFields(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(goldenFrame())
	f.Bound(1<<7, 1<<17)
	f.Fuzz(func(t testing.TB, b []byte) {
		if len(b) < headerBytes {
			return
		}
		copy(b, magic[:])
		binary.BigEndian.PutUint32(b[44:], checksum(b[headerBytes:]))
		binary.BigEndian.PutUint32(b[48:], checksum(b[:48]))
		h, body, err := decodeFrame(b)
		if err == nil && !bytes.Equal(appendFrame(nil, h, body), b[:headerBytes+len(body)]) {
			t.Fatalf("%+v was read from %x", h, b)
		}
	})
}

// FuzzOpenSegment: Open of a log whose last segment holds anything either
// refuses, or gives a log that takes work and holds the same afterwards.
func FuzzOpenSegment(f *testing.F) {
	dir := filepath.Join(scratch(f), "log")
	fill(f, dir, Options{}, 3)
	pristine := take(f, dir)
	f.Add(pristine[segmentName(1)], true)
	f.Add(pristine[segmentName(1)][:100], false)
	f.Add([]byte{0}, false)
	f.Fuzz(func(t *testing.T, b []byte, withMark bool) {
		dir := filepath.Join(scratch(t), "log")
		pristine.restore(t, dir)
		must(t, os.WriteFile(filepath.Join(dir, segmentName(1)), b, 0o600))
		if !withMark {
			must(t, os.Remove(filepath.Join(dir, markName)))
		}
		l, err := Open(dir, Options{})
		if errors.Is(err, ErrDamaged) {
			return
		}
		must(t, err)
		if l.Last() > 3 || withMark && l.Last() != 3 {
			t.Fatalf("log holds %d records", l.Last())
		}
		wantRun(t, l, 0, 1, l.Last())
		must(t, l.Close())
	})
}
