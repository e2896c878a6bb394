package protocol

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func bigOf(d Digest) *big.Int { return new(big.Int).SetBytes(d[:]) }

func digestOf(hexadecimal string) (d Digest) {
	if n, err := hex.Decode(d[:], []byte(hexadecimal)); err != nil || n != len(d) {
		panic(hexadecimal)
	}
	return d
}

// TestSumArithmetic compares with math/big, modulo 2^256.
func TestSumArithmetic(t *testing.T) {
	modulus := new(big.Int).Lsh(big.NewInt(1), 256)
	edges := []Digest{{}, smallDigest(1), full(0xff), digestOf("8" + repeat("0", 63)), digestOf(repeat("0", 48) + repeat("f", 16))}
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.OneOf(rapid.Custom(drawDigest), rapid.SampledFrom(edges))
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		sum := new(big.Int).Mod(new(big.Int).Add(bigOf(a), bigOf(b)), modulus)
		if got := SumOf(a).Add(SumOf(b)).Digest(); bigOf(got).Cmp(sum) != 0 {
			t.Fatalf("%s + %s = %s", a, b, got)
		}
		difference := new(big.Int).Mod(new(big.Int).Sub(bigOf(a), bigOf(b)), modulus)
		if got := SumOf(a).Sub(SumOf(b)).Digest(); bigOf(got).Cmp(difference) != 0 {
			t.Fatalf("%s - %s = %s", a, b, got)
		}
		if SumOf(a).Digest() != a || SumOf(a).Add(SumOf(b)).Sub(SumOf(b)) != SumOf(a) {
			t.Fatalf("%s does not come back", a)
		}
	})
}

// TestPairSum: SHA-256(u32(len key) || key || u32(len value) || value), read as
// a big-endian integer.
func TestPairSum(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"account/alice", "\x01\x00", "61440a361db663e07d5ac6c8c2e346c68fcb2b3a7c6d9afa9f9b2f025250ac8e"},
		{"", "", "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc"},
	} {
		if got := PairSum([]byte(c.key), []byte(c.value)).Digest(); got != digestOf(c.want) {
			t.Errorf("pair %q: %s, want %s", c.key, got, c.want)
		}
	}
	both := PairSum([]byte("a"), []byte("1")).Add(PairSum([]byte("b"), []byte("2"))).Digest()
	if both != digestOf("9440e12f5779ade816806f1296439475604636996b7bebc3ae534a35a1710467") {
		t.Errorf("state of two pairs: %s", both)
	}
	rapid.Check(t, func(t *rapid.T) {
		key, value := drawBytes(t, 300, "key"), drawBytes(t, 300, "value")
		whole := binary.BigEndian.AppendUint32(nil, uint32(len(key)))
		whole = append(whole, key...)
		whole = binary.BigEndian.AppendUint32(whole, uint32(len(value)))
		whole = append(whole, value...)
		if PairSum(key, value).Digest() != Digest(sha256.Sum256(whole)) {
			t.Fatalf("pair %x, %x", key, value)
		}
	})
}

// TestStateDigestFromWrites: kept up to date from the writes alone, in any
// order, the digest is the one of a full scan.
func TestStateDigestFromWrites(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	state, sum := map[string]string{}, Sum{}
	for range 2000 {
		key := string(rune('a' + rng.IntN(20)))
		if old, ok := state[key]; ok {
			sum = sum.Sub(PairSum([]byte(key), []byte(old)))
			delete(state, key)
		}
		if rng.IntN(3) > 0 {
			value := string(rune('A' + rng.IntN(50)))
			sum = sum.Add(PairSum([]byte(key), []byte(value)))
			state[key] = value
		}
	}
	var scan Sum
	for key, value := range state {
		scan = scan.Add(PairSum([]byte(key), []byte(value)))
	}
	if sum != scan {
		t.Fatalf("%s from the writes, %s from a scan", sum.Digest(), scan.Digest())
	}
}

func TestChainRoot(t *testing.T) {
	got := ChainRoot(full(0x11), 7, full(0x22), []Digest{full(0x33), full(0x44)})
	if got != digestOf("260d9587e8c706ea32be85956dc44ff63470d8e11e9f255ac7a96048f227f3a2") {
		t.Fatal(got)
	}
	for i, other := range []Digest{
		ChainRoot(full(0x12), 7, full(0x22), []Digest{full(0x33), full(0x44)}),
		ChainRoot(full(0x11), 8, full(0x22), []Digest{full(0x33), full(0x44)}),
		ChainRoot(full(0x11), 7, full(0x23), []Digest{full(0x33), full(0x44)}),
		ChainRoot(full(0x11), 7, full(0x22), []Digest{full(0x44), full(0x33)}),
		ChainRoot(full(0x11), 7, full(0x22), []Digest{full(0x33)}),
	} {
		if other == got {
			t.Errorf("change %d does not show", i)
		}
	}
}

func TestBlockID(t *testing.T) {
	if got := BlockID("key", []byte("body")); got != digestOf("e2f865db9352510bdbd5f43e9492751f98952e1d78f9745b0a8dd821d9e1abe0") {
		t.Fatal(got)
	}
	// Where the key ends and the body begins is part of it.
	if BlockID("keyb", []byte("ody")) == BlockID("key", []byte("body")) {
		t.Fatal("key and body run into each other")
	}
}
