package ledger

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/holiman/uint256"
	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// model says what operations mean a second time, as plainly as possible and
// with nothing of the machine: unbounded integers and maps that are copied.
type model struct {
	balances map[string]*big.Int
	values   map[string]string
}

// modelOp is an operation as the generator draws it.
type modelOp struct {
	verb   string
	a, b   string
	amount *big.Int
	value  string
}

func (o modelOp) op() Op {
	amount, _ := uint256.FromBig(o.amount)
	switch o.verb {
	case "transfer":
		return Transfer(o.a, o.b, *amount)
	case "debit":
		return Debit(o.a, *amount)
	case "credit":
		return Credit(o.a, *amount)
	case "put":
		return Put(o.a, []byte(o.value))
	case "delete":
		return Delete(o.a)
	case "require":
		return Require(o.a, []byte(o.value))
	}
	return RequireAbsent(o.a)
}

func (m *model) run(ops []modelOp) string {
	next := model{balances: maps.Clone(m.balances), values: maps.Clone(m.values)}
	for _, o := range ops {
		if outcome := next.step(o); outcome != "" {
			return outcome
		}
	}
	*m = next
	return "applied"
}

func (m *model) step(o modelOp) string {
	value, present := m.values[o.a]
	switch o.verb {
	case "transfer":
		if m.add(o.a, new(big.Int).Neg(o.amount)).Sign() < 0 {
			return "insufficient_funds"
		}
		if m.add(o.b, o.amount).BitLen() > 256 {
			return "overflow"
		}
	case "debit":
		if m.add(o.a, new(big.Int).Neg(o.amount)).Sign() < 0 {
			return "insufficient_funds"
		}
	case "credit":
		if m.add(o.a, o.amount).BitLen() > 256 {
			return "overflow"
		}
	case "put":
		m.values[o.a] = o.value
	case "delete":
		delete(m.values, o.a)
	case "require":
		if !present || value != o.value {
			return "requirement_failed"
		}
	case "require absent":
		if present {
			return "requirement_failed"
		}
	}
	return ""
}

func (m *model) add(account string, amount *big.Int) *big.Int {
	sum := new(big.Int).Set(amount)
	if b := m.balances[account]; b != nil {
		sum.Add(sum, b)
	}
	m.balances[account] = sum
	return sum
}

// state gives the pairs the contract asks for.
func (m *model) state() map[string][]byte {
	pairs := make(map[string][]byte)
	for name, balance := range m.balances {
		if balance.Sign() != 0 {
			pairs["account/"+name] = balance.Bytes()
		}
	}
	for key, value := range m.values {
		pairs["kv/"+key] = []byte(value)
	}
	return pairs
}

func drawOp(t *rapid.T) modelOp {
	names := rapid.SampledFrom([]string{"a", "b", "c", "account/a", "{a}"})
	most := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	half := new(big.Int).Rsh(most, 1)
	amounts := rapid.OneOf(
		rapid.Map(rapid.Int64Range(0, 5), big.NewInt),
		rapid.SampledFrom([]*big.Int{most, half, new(big.Int).Add(half, big.NewInt(1)), big.NewInt(1 << 62)}),
	)
	return modelOp{
		verb:   rapid.SampledFrom([]string{"transfer", "debit", "credit", "credit", "put", "delete", "require", "require absent"}).Draw(t, "op"),
		a:      names.Draw(t, "a"),
		b:      names.Draw(t, "b"),
		amount: amounts.Draw(t, "amount"),
		value:  rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "value"),
	}
}

// Invariant 6, for the machine alone: any transactions come to what the model
// says, outcome by outcome and byte by byte.
func TestMachineAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{balances: map[string]*big.Int{}, values: map[string]string{}}
		s := executor.NewSequential(Machine{}, protocol.DefaultLimits())
		for range rapid.IntRange(1, 30).Draw(t, "transactions") {
			drawn := rapid.SliceOfN(rapid.Custom(drawOp), 1, 5).Draw(t, "ops")
			var ops []Op
			for _, o := range drawn {
				ops = append(ops, o.op())
			}
			transaction, err := NewTransaction(ops...)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := Ops(transaction); err != nil || !slices.Equal(back, ops) {
				t.Fatalf("%v read back as %v, %v", ops, back, err)
			}
			outcomes, err := s.Execute([]protocol.Transaction{transaction})
			if err != nil {
				t.Fatal(err)
			}
			if want := m.run(drawn); outcomes.At(0) != want {
				t.Fatalf("%v: outcome %q, want %q", ops, outcomes.At(0), want)
			}
			if got, want := spell(s.State()), spell(m.state()); got != want {
				t.Fatalf("%v:\nstate %s\n want %s", ops, got, want)
			}
		}
	})
}

func spell(state map[string][]byte) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(state)) {
		fmt.Fprintf(&b, "%s=%x ", key, state[key])
	}
	return b.String()
}
