package txfile

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/lockstep-exec/lockstep/protocol"
)

// pending is a block that is being collected.
type pending struct {
	first        *entry
	ids          []string
	transactions []protocol.Transaction
	size         int // bytes of the canonical encoding
	lastLine     int
}

func (p *pending) add(e *entry) {
	p.ids = append(p.ids, e.id)
	p.transactions = append(p.transactions, e.transaction)
	p.size += e.size
	p.lastLine = e.line
}

// block gives what was collected; the key is yet to come.
func (p *pending) block() Block {
	return Block{
		IDs:          p.ids,
		Transactions: p.transactions,
		Body:         protocol.EncodeBody(p.transactions),
		FirstLine:    p.first.line,
		LastLine:     p.lastLine,
	}
}

// batchKey makes the key of a block that the file does not name:
// NAME:FIRST LINE:HASH, where NAME is the base name without .gz. The hash is
// the first half of SHA-256(u32 length of id, id, … for every transaction ||
// body): a file that says the same of other ids is another file.
func batchKey(file string, b Block) string {
	name := strings.TrimSuffix(filepath.Base(file), ".gz")
	if len(name) > maxNameBytes {
		name = name[len(name)-maxNameBytes:]
	}
	h := sha256.New()
	var buf []byte
	for _, id := range b.IDs {
		buf = binary.BigEndian.AppendUint32(buf[:0], uint32(len(id)))
		h.Write(append(buf, id...))
	}
	h.Write(b.Body)
	return fmt.Sprintf("%s:%d:%s", name, b.FirstLine, hex.EncodeToString(h.Sum(nil)[:16]))
}

// maxNameBytes leaves room for line and hash within protocol.MaxBlockKeyBytes.
const maxNameBytes = 512

// tag stands for a block key in the memory of what was given out, so that a
// million long keys stay small. It is half of a SHA-256: two keys with one tag
// are not to be expected.
type tag [16]byte

func tagOf(key string) tag {
	sum := sha256.Sum256([]byte(key))
	return tag(sum[:16])
}
