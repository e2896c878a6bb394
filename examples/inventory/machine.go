package main

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// Outcomes of the warehouse, besides applied and invalid.
const (
	outOfStock    = "out_of_stock"
	tooMuchStock  = "too_much_stock"
	orderExists   = "order_exists"
	noSuchOrder   = "no_such_order"
	orderHasOther = "order_differs" // a cancellation names other lines than the order
)

// Machine is a warehouse: it never sells what it does not have. Its state is
//
//	stock/ITEM    "FREE/TOTAL": how many there are, and how many there ever came
//	order/ORDER   the lines of the order, as "apple=2 pear=1"
//
// so that at every height, for every item, the free ones and those in orders are
// TOTAL.
type Machine struct{}

// Execute runs one operation. Writes are kept only if it gives OutcomeApplied, so it may
// stop in the middle: no item of an order is taken if one is missing.
func (Machine) Execute(tx *executor.Tx) string {
	o, ok := parse(tx.Payload())
	if !ok {
		return protocol.OutcomeInvalid
	}
	switch o.verb {
	case restock:
		return eachShelf(tx, o, (*shelf).add)
	case reserve:
		return executeReserve(tx, o)
	}
	return executeCancel(tx, o)
}

func executeReserve(tx *executor.Tx, o operation) string {
	at, ok := tx.Find(orderKey(o.order))
	if !ok {
		return protocol.OutcomeInvalid
	}
	if _, exists := tx.Get(at); exists {
		return orderExists
	}
	tx.Put(at, []byte(o.list()))
	return eachShelf(tx, o, (*shelf).take)
}

func executeCancel(tx *executor.Tx, o operation) string {
	at, ok := tx.Find(orderKey(o.order))
	if !ok {
		return protocol.OutcomeInvalid
	}
	switch list, exists := tx.Get(at); {
	case !exists:
		return noSuchOrder
	case string(list) != o.list():
		return orderHasOther
	}
	tx.Delete(at)
	return eachShelf(tx, o, (*shelf).putBack)
}

// eachShelf changes the stock of every item of an operation, up to the first change
// that is not possible.
func eachShelf(tx *executor.Tx, o operation, change func(*shelf, uint64) string) string {
	for _, l := range o.lines {
		at, ok := tx.Find(stockKey(l.item))
		if !ok {
			return protocol.OutcomeInvalid
		}
		var s shelf
		if value, exists := tx.Get(at); exists {
			if s, ok = parseShelf(value); !ok {
				return protocol.OutcomeInvalid
			}
		}
		if outcome := change(&s, l.count); outcome != protocol.OutcomeApplied {
			return outcome
		}
		tx.Put(at, []byte(s.String()))
	}
	return protocol.OutcomeApplied
}

// shelf is the stock of one item.
type shelf struct{ free, total uint64 }

func (s shelf) String() string { return fmt.Sprintf("%d/%d", s.free, s.total) }

func parseShelf(value []byte) (s shelf, ok bool) {
	_, err := fmt.Sscanf(string(value), "%d/%d", &s.free, &s.total)
	return s, err == nil && s.String() == string(value)
}

func (s *shelf) add(count uint64) string {
	if s.total+count > mostStock {
		return tooMuchStock
	}
	s.free, s.total = s.free+count, s.total+count
	return protocol.OutcomeApplied
}

func (s *shelf) take(count uint64) string {
	if s.free < count {
		return outOfStock
	}
	s.free -= count
	return protocol.OutcomeApplied
}

// putBack undoes take: the machine has checked that the items were taken.
func (s *shelf) putBack(count uint64) string {
	s.free += count
	return protocol.OutcomeApplied
}
