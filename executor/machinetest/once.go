package machinetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// once runs a transaction in memory of its own, which is overwritten afterwards, and
// spells out what it came to. An error means a bug of the machine; fault names the
// rule of executor.Tx that it broke.
func (c *checker) once(s sample) (result, fault string, err error) {
	own := s.copied()
	tx := executor.NewTx(c.limits)
	tx.Reset(own.transaction)
	for i, in := range own.inputs {
		tx.SetInput(i, in.Bytes, in.Present)
	}
	outcome, err := executor.Run(c.machine, tx)
	if err != nil {
		return "", "", err
	}
	if !utf8.ValidString(outcome) {
		return "", "", fmt.Errorf("outcome name %q is not UTF-8: clients could not be told", outcome)
	}
	var b strings.Builder
	b.WriteString(outcome)
	for _, w := range tx.Writes() {
		if w.Delete {
			fmt.Fprintf(&b, ", %q deleted", w.Key)
		} else {
			fmt.Fprintf(&b, ", %q=%q", w.Key, w.Value)
		}
	}
	fault = tx.Fault()
	if !own.equal(s) {
		return "", "", errors.New("the machine changes its payload, a key, or a value that it got: copy what is to be changed")
	}
	own.overwrite()
	return b.String(), fault, nil
}

func (s sample) copied() sample {
	own := sample{transaction: protocol.Transaction{Payload: bytes.Clone(s.transaction.Payload)}}
	for i, a := range s.transaction.Access {
		own.transaction.Access = append(own.transaction.Access, protocol.Access{Key: bytes.Clone(a.Key), Mode: a.Mode})
		own.inputs = append(own.inputs, executor.Value{Bytes: bytes.Clone(s.inputs[i].Bytes), Present: s.inputs[i].Present})
	}
	return own
}

func (s sample) equal(other sample) bool {
	same := bytes.Equal(s.transaction.Payload, other.transaction.Payload)
	for i, a := range s.transaction.Access {
		same = same && bytes.Equal(a.Key, other.transaction.Access[i].Key) && bytes.Equal(s.inputs[i].Bytes, other.inputs[i].Bytes)
	}
	return same
}

// overwrite spoils what the machine must not have kept.
func (s sample) overwrite() {
	spoil(s.transaction.Payload)
	for i, a := range s.transaction.Access {
		spoil(a.Key)
		spoil(s.inputs[i].Bytes)
	}
}

func spoil(b []byte) {
	for i := range b {
		b[i] ^= 0xa5
	}
}

// describe spells a transaction out.
func describe(t protocol.Transaction) string {
	var b strings.Builder
	fmt.Fprintf(&b, "transaction %q", t.Payload)
	for _, a := range t.Access {
		mode := map[protocol.Mode]string{protocol.Read: "reads", protocol.Write: "writes", protocol.ReadWrite: "reads and writes"}[a.Mode]
		fmt.Fprintf(&b, ", %s %q", mode, a.Key)
	}
	return b.String()
}
