package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lockstep-exec/lockstep/protocol"
)

// mostStock bounds every count, so that no sum overflows.
const mostStock = 1_000_000_000

// Verbs of operations.
const (
	restock = "restock" // adds to the stock of items
	reserve = "reserve" // takes every item of an order, or none
	cancel  = "cancel"  // puts every item of an order back
)

// operation is what a transaction asks for. Its payload is the text that String gives,
// such as "reserve order-7 apple=2 pear=1".
type operation struct {
	verb  string
	order string // "" for restock
	lines []line // ascending by item, each item once
}

// line is a number of one item.
type line struct {
	item  string
	count uint64
}

func (o operation) String() string {
	if o.verb == restock {
		return o.verb + " " + o.list()
	}
	return o.verb + " " + o.order + " " + o.list()
}

// list spells the lines: what is stored of an order.
func (o operation) list() string {
	words := make([]string, len(o.lines))
	for i, l := range o.lines {
		words[i] = fmt.Sprintf("%s=%d", l.item, l.count)
	}
	return strings.Join(words, " ")
}

// parse reads a payload; ok is false unless it is exactly what String would give. The
// client wrote it, so everything is checked.
func parse(payload []byte) (o operation, ok bool) {
	words := strings.Split(string(payload), " ")
	o.verb, words = words[0], words[1:]
	switch o.verb {
	case restock:
	case reserve, cancel:
		if len(words) == 0 || words[0] == "" {
			return o, false
		}
		o.order, words = words[0], words[1:]
	default:
		return o, false
	}
	if o.lines, ok = parseLines(words); !ok || len(o.lines) == 0 {
		return o, false
	}
	return o, o.String() == string(payload)
}

func parseLines(words []string) (lines []line, ok bool) {
	for i, word := range words {
		item, digits, _ := strings.Cut(word, "=")
		count, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || item == "" || count == 0 || count > mostStock || i > 0 && lines[i-1].item >= item {
			return nil, false
		}
		lines = append(lines, line{item: item, count: count})
	}
	return lines, true
}

func stockKey(item string) []byte  { return []byte("stock/" + item) }
func orderKey(order string) []byte { return []byte("order/" + order) }

// transaction declares what the operation touches, which has to be known before it
// runs. That of cancel depends on what the order says: the client reads the order
// first, and the machine checks that it still says so.
func (o operation) transaction() protocol.Transaction {
	var access []protocol.Access
	if o.order != "" {
		access = append(access, protocol.Access{Key: orderKey(o.order), Mode: protocol.ReadWrite})
	}
	for _, l := range o.lines {
		access = append(access, protocol.Access{Key: stockKey(l.item), Mode: protocol.ReadWrite})
	}
	return protocol.NewTransaction([]byte(o.String()), access)
}
