package txfile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// line is a line that deletes key; block is left out if empty.
func line(block, key string) string {
	if block == "" {
		return fmt.Sprintf(`{"id":"id-%s","ops":[{"op":"delete","key":"%s"}]}`, key, key)
	}
	return fmt.Sprintf(`{"block":"%s","ops":[{"op":"delete","key":"%s"}]}`, block, key)
}

func text(lines ...string) string { return strings.Join(lines, "\n") + "\n" }

// blocks reads all blocks, and what ended them if that is not io.EOF.
func blocks(t *testing.T, r io.Reader, name string, o Options) ([]Block, error) {
	t.Helper()
	reader, err := NewReader(r, name, o)
	if err != nil {
		return nil, err
	}
	var all []Block
	for {
		b, err := reader.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			if _, again := reader.Next(); again != err {
				t.Errorf("after %v comes %v", err, again)
			}
			return all, err
		}
		all = append(all, b)
	}
}

// spell gives blocks as "key[first-last]: keys of the transactions".
func spell(all []Block) string {
	var s []string
	for _, b := range all {
		key, _, _ := strings.Cut(b.Key, ":") // without the hash
		var keys []string
		for _, t := range b.Transactions {
			keys = append(keys, strings.TrimPrefix(string(t.Access[0].Key), "kv/"))
		}
		s = append(s, fmt.Sprintf("%s[%d-%d]: %s", key, b.FirstLine, b.LastLine, strings.Join(keys, " ")))
	}
	return strings.Join(s, ", ")
}

func TestBlocks(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"empty lines", "\n\n  \n\t\r\n", ""},
		{"one line without an end", line("1", "a"), "1[1-1]: a"},
		{"blocks", text(line("1", "a"), line("1", "b"), line("2", "c")), "1[1-2]: a b, 2[3-3]: c"},
		{"empty lines between", text("", line("1", "a"), "", line("1", "b"), ""), "1[2-4]: a b"},
		{"line ends of two bytes", line("1", "a") + "\r\n" + line("1", "b") + "\r\n", "1[1-2]: a b"},
		{"a named block is never cut", text(line("1", "a"), line("1", "b"), line("1", "c"), line("1", "d")), "1[1-4]: a b c d"},
		{"batches", text(line("", "a"), line("", "b"), line("", "c"), line("", "d"), line("", "e")), "f[1-3]: a b c, f[4-5]: d e"},
		{"an exact batch", text(line("", "a"), line("", "b"), line("", "c")), "f[1-3]: a b c"},
		{"mixed", text(line("", "a"), line("1", "b"), line("", "c"), line("", "d"), line("2", "e")), "f[1-1]: a, 1[2-2]: b, f[3-4]: c d, 2[5-5]: e"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			all, err := blocks(t, strings.NewReader(test.text), "f", Options{BlockSize: 3})
			if got := spell(all); err != nil || got != test.want {
				t.Errorf("%s, error %v\nwant %s", got, err, test.want)
			}
			for _, b := range all {
				back, err := protocol.DecodeBody(b.Body, protocol.DefaultLimits())
				if err != nil || len(back) != len(b.Transactions) || len(b.IDs) != len(back) {
					t.Errorf("block %s: body of %d transactions, %d ids, error %v", b.Key, len(back), len(b.IDs), err)
				}
			}
		})
	}
}

func TestIDs(t *testing.T) {
	all, err := blocks(t, strings.NewReader(text(line("", "a"), `{"ops":[{"op":"delete","key":"b"}]}`)), "f", Options{})
	if err != nil || len(all) != 1 || fmt.Sprintf("%q", all[0].IDs) != `["id-a" ""]` {
		t.Errorf("%v, %v", all, err)
	}
}

// The block of a faulty line is not given out, nor the one it may belong to.
func TestRefusals(t *testing.T) {
	limits := protocol.DefaultLimits()
	limits.BlockTransactions, limits.BlockBytes = 3, 1024
	big := fmt.Sprintf(`{"block":"1","ops":[{"op":"put","key":"k","value":"%s"}]}`, strings.Repeat("x", 490))
	huge := strings.ReplaceAll(big, "x", "xxx")
	tests := []struct{ name, text, before, want string }{
		{"first line", text("x"), "", "dir/f:1: not JSON: 'x' at byte 1 where { is expected"},
		{"in a block", text(line("1", "a"), line("2", "b"), "{}"), "1[1-1]: a", `dir/f:3: transaction without ops; "ops" must be an array of at least one`},
		{"after empty lines", text("", line("1", "a"), "", "x"), "", "dir/f:4: not JSON: 'x' at byte 1 where { is expected"},
		{"in a full batch's successor", text(line("", "a"), line("", "b"), "x"), "f[1-2]: a b", "dir/f:3: not JSON: 'x' at byte 1 where { is expected"},
		{"in a next block", text(line("1", "a"), `{"block":"2","ops":[]}`), "1[1-1]: a", `dir/f:2: transaction without ops; "ops" must be an array of at least one`},
		{"in the same block", text(line("1", "a"), `{"block":"1","ops":[]}`), "", `dir/f:2: transaction without ops; "ops" must be an array of at least one`},
		{"in one block or the other", text(line("1", "a"), `{"block":"2","block":"1"}`), "", `dir/f:2: field "block" comes twice`},
		{"before the block is said", text(line("1", "a"), `{"ops":7,"block":"2"}`), "", `dir/f:2: "ops" is a number; it must be an array of ops`},
		{"a block comes back", text(line("1", "a"), line("1", "b"), line("2", "c"), line("1", "d")), "1[1-2]: a b, 2[3-3]: c",
			`dir/f:4: block "1" ended at line 2; the lines of a block must follow each other`},
		{"back after a batch", text(line("1", "a"), line("", "b"), line("1", "c")), "1[1-1]: a, f[2-2]: b",
			`dir/f:3: block "1" ended at line 1; the lines of a block must follow each other`},
		{"too many transactions", text(line("1", "a"), line("1", "b"), line("1", "c"), line("1", "d")), "", `dir/f:4: block "1" is over the limit of 3 transactions`},
		{"too many bytes", text(big, big, big), "", `dir/f:2: block "1" is over the limit of 1024 bytes`},
		{"one too big for any block", text(huge), "", `dir/f:1: transaction of 1491 bytes does not fit into a block of 1024 bytes`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			all, err := blocks(t, strings.NewReader(test.text), "dir/f", Options{BlockSize: 2, Limits: limits})
			if got := spell(all); got != test.before {
				t.Errorf("blocks before: %s, want %s", got, test.before)
			}
			var at *Error
			if !errors.As(err, &at) || err.Error() != test.want {
				t.Errorf("error %v\n want %s", err, test.want)
			}
		})
	}
}

func TestBatchesRespectTheLimits(t *testing.T) {
	limits := protocol.DefaultLimits()
	limits.BlockTransactions, limits.BlockBytes = 3, 1024
	big := func(key string) string {
		return fmt.Sprintf(`{"ops":[{"op":"put","key":"%s","value":"%s"}]}`, key, strings.Repeat("x", 490))
	}
	in := text(line("", "a"), line("", "b"), line("", "c"), line("", "d"), big("e"), big("f"), big("g"))
	all, err := blocks(t, strings.NewReader(in), "f", Options{Limits: limits})
	if got, want := spell(all), "f[1-3]: a b c, f[4-5]: d e, f[6-6]: f, f[7-7]: g"; err != nil || got != want {
		t.Errorf("%s, error %v\nwant %s", got, err, want)
	}
}

func TestBatchKeys(t *testing.T) {
	key := func(name, in string) string {
		all, err := blocks(t, strings.NewReader(in), name, Options{})
		if err != nil || len(all) != 1 {
			t.Fatalf("%d blocks, %v", len(all), err)
		}
		return all[0].Key
	}
	in := text(line("", "a"), line("", "b"))
	const golden = "f.jsonl:1:20f8ad3e20514d4882b276f28c3d8b32" // a new version must not submit old files twice
	if got := key("some/f.jsonl", in); got != golden {
		t.Errorf("key %s, want %s", got, golden)
	}
	if a, b := key("f", in), key("f", "  "+strings.ReplaceAll(in, ":", " : ")); a != b {
		t.Errorf("the same content written otherwise: %s and %s", a, b)
	}
	for name, other := range map[string]string{
		"position": "\n" + in,
		"content":  text(line("", "a"), line("", "c")),
		"ids":      strings.ReplaceAll(in, "id-a", "id-x"),
		"border":   strings.ReplaceAll(strings.ReplaceAll(in, "id-a", "id-ai"), "id-b", "d-b"),
	} {
		if key("f", in) == key("f", other) {
			t.Errorf("the key does not depend on %s", name)
		}
	}
	if key("f", in) == key("g", in) {
		t.Error("the key does not depend on the name")
	}
	if got := key(strings.Repeat("n", 4096), in); len(got) > protocol.MaxBlockKeyBytes {
		t.Errorf("key of %d bytes", len(got))
	}
}

func pack(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.Bytes()
}

func TestGzip(t *testing.T) {
	in := text(line("", "a"), line("", "b"))
	plain, err := blocks(t, strings.NewReader(in), "f", Options{})
	if err != nil {
		t.Fatal(err)
	}
	packed := pack(in)
	for _, name := range []string{"f", "f.gz"} {
		all, err := blocks(t, bytes.NewReader(packed), name, Options{})
		if err != nil || len(all) != 1 || all[0].Key != plain[0].Key {
			t.Errorf("%s: %v, %v", name, all, err)
		}
	}
	two := append(pack(text(line("1", "a"))), pack(text(line("1", "b")))...)
	if all, err := blocks(t, bytes.NewReader(two), "f.gz", Options{}); err != nil || spell(all) != "1[1-2]: a b" {
		t.Errorf("two members: %s, %v", spell(all), err)
	}
}

func TestGzipThatIsNot(t *testing.T) {
	packed := pack(text(line("1", "a"), line("2", "b")))
	bad := bytes.Clone(packed)
	bad[len(bad)-5] ^= 1 // checksum
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"plain": {[]byte(text(line("1", "a"))), "f.gz is not gzip, though its name ends in .gz; rename or compress it"},
		"empty": {nil, "f.gz is not gzip, though its name ends in .gz; rename or compress it"},
		"cut":   {packed[:len(packed)-6], "the gzip data ends too early; the file is not complete"},
		"bad":   {bad, "read: gzip: invalid checksum"},
	} {
		if _, err := blocks(t, bytes.NewReader(test.data), "f.gz", Options{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %s", name, err, test.want)
		}
	}
}

func TestLongLines(t *testing.T) {
	long := fmt.Sprintf(`{"block":"1","x":"%s","ops":[{"op":"delete","key":"a"}]}`, strings.Repeat("x", 3*bufferBytes))
	all, err := blocks(t, strings.NewReader(text(long, line("1", "b"), long)), "f", Options{})
	if err != nil || spell(all) != "1[1-3]: a b a" {
		t.Errorf("%s, %v", spell(all), err)
	}
	endless := io.MultiReader(strings.NewReader(text(line("1", "a"))), endlessReader{})
	_, err = blocks(t, endless, "f", Options{})
	if err == nil || err.Error() != "f:2: line is over the limit of 64 MiB" {
		t.Errorf("error %v", err)
	}
}

type endlessReader struct{}

func (endlessReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestReadFailure(t *testing.T) {
	broken := errors.New("disk on fire")
	all, err := blocks(t, io.MultiReader(strings.NewReader(text(line("1", "a"), line("1", "b"))), failingReader{broken}), "f", Options{})
	if len(all) != 0 || !errors.Is(err, broken) {
		t.Errorf("%s, %v", spell(all), err)
	}
	if _, err := NewReader(failingReader{broken}, "f", Options{}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.jsonl.gz")
	if err := os.WriteFile(path, pack(text(line("", "a"))), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Next()
	if err != nil || !strings.HasPrefix(b.Key, "f.jsonl:1:") {
		t.Errorf("key %q, %v", b.Key, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Open(path+".none", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	if _, err := NewReader(strings.NewReader(""), "f", Options{BlockSize: -1}); err == nil {
		t.Error("block size of -1")
	}
	if _, err := NewReader(strings.NewReader(""), "f", Options{Limits: protocol.Limits{KeyBytes: 1}}); err == nil {
		t.Error("limits of 0")
	}
}
