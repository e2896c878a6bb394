package txfile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/holiman/uint256"
	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

func amount(n uint64) uint256.Int { return *uint256.NewInt(n) }

func readLine(line string) (entry, error) {
	r := lineReader{limits: protocol.DefaultLimits()}
	return r.read([]byte(line))
}

// opsLine is a line with these ops and nothing else.
func opsLine(ops string) string { return `{"ops":[` + ops + `]}` }

func TestLinesThatAreTransactions(t *testing.T) {
	tests := []struct {
		name, line string
		want       []ledger.Op
	}{
		{"transfer", opsLine(`{"op":"transfer","from":"a","to":"b","amount":"31337"}`), []ledger.Op{ledger.Transfer("a", "b", amount(31337))}},
		{"debit", opsLine(`{"op":"debit","account":"a","amount":"0"}`), []ledger.Op{ledger.Debit("a", amount(0))}},
		{"credit", opsLine(`{"op":"credit","account":"a","amount":"007"}`), []ledger.Op{ledger.Credit("a", amount(7))}},
		{"put", opsLine(`{"op":"put","key":"k","value":"v"}`), []ledger.Op{ledger.Put("k", []byte("v"))}},
		{"put of nothing", opsLine(`{"op":"put","key":"k","value":""}`), []ledger.Op{ledger.Put("k", nil)}},
		{"put of bytes", opsLine(`{"op":"put","key":"k","value_base64":"AP/+"}`), []ledger.Op{ledger.Put("k", []byte{0, 0xff, 0xfe})}},
		{"delete", opsLine(`{"op":"delete","key":"k"}`), []ledger.Op{ledger.Delete("k")}},
		{"require", opsLine(`{"op":"require","key":"k","value":"v"}`), []ledger.Op{ledger.Require("k", []byte("v"))}},
		{"require of bytes", opsLine(`{"op":"require","key":"k","value_base64":"AA=="}`), []ledger.Op{ledger.Require("k", []byte{0})}},
		{"require absent", opsLine(`{"op":"require","key":"k","absent":true}`), []ledger.Op{ledger.RequireAbsent("k")}},
		{"fields in any order", `{"ops":[{"amount":"1","to":"b","op":"transfer","from":"a"}],"id":"x","block":"1"}`, []ledger.Op{ledger.Transfer("a", "b", amount(1))}},
		{"spaces", " { \"ops\" : [ { \"op\" :\t\"delete\" , \"key\" : \"k\" } ] } \r", []ledger.Op{ledger.Delete("k")}},
		{"escapes", opsLine(`{"op":"put","key":"\u006b\"\\\/\b\f\n\r\t","value":"\u00e9\ud83d\ude00é"}`), []ledger.Op{ledger.Put("k\"\\/\b\f\n\r\t", []byte("é😀é"))}},
		{"escaped field name", opsLine(`{"\u006fp":"delete","key":"k"}`), []ledger.Op{ledger.Delete("k")}},
		{"other fields", `{"note":{"a":[1,-2.5e+3,null,true,false,"x"],"b":{}},"ops":[{"op":"delete","key":"k"}],"source":"x"}`, []ledger.Op{ledger.Delete("k")}},
		{"several", opsLine(`{"op":"delete","key":"k"},{"op":"delete","key":"l"}`), []ledger.Op{ledger.Delete("k"), ledger.Delete("l")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, err := readLine(test.line)
			if err != nil {
				t.Fatal(err)
			}
			if ops, err := ledger.Ops(e.transaction); err != nil || !slices.Equal(ops, test.want) {
				t.Errorf("ops %v, error %v; want %v", ops, err, test.want)
			}
		})
	}
}

func TestLinesThatAreNot(t *testing.T) {
	const (
		del      = `{"op":"delete","key":"k"}`
		ops      = `"ops":[` + del + `]`
		transfer = `{"op":"transfer","from":"a","to":"b","amount":`
	)
	over := "115792089237316195423570985008687907853269984665640564039457584007913129639936"
	tests := []struct{ name, line, want string }{
		{"not JSON", `hello`, `not JSON: 'h' at byte 1 where { is expected`},
		{"an array", `[]`, `the line is an array; a transaction is an object with ops`},
		{"a number", `17`, `the line is a number; a transaction is an object with ops`},
		{"cut", `{"ops":[{"op":"del`, `not JSON: the line ends where '"' is expected`},
		{"two values", `{` + ops + `}{}`, `not JSON: '{' at byte 36 where the end of the line is expected`},
		{"a NUL", `{` + ops + "}\x00", `not JSON: '\x00' at byte 36 where the end of the line is expected`},
		{"trailing comma", `{` + ops + `,}`, `not JSON: '}' at byte 36 where a string is expected`},
		{"single quotes", `{'ops':[]}`, `not JSON: '\'' at byte 2 where a string is expected`},
		{"bad escape", opsLine(`{"op":"delete","key":"\x"}`), `not JSON: 'x' at byte 32 where an escape is expected`},
		{"bad hex", opsLine(`{"op":"delete","key":"\u00g0"}`), `not JSON: 'g' at byte 35 where a hex digit is expected`},
		{"half a pair", opsLine(`{"op":"delete","key":"\ud83d"}`), `not JSON: half of a surrogate pair before byte 37`},
		{"two halves", opsLine(`{"op":"delete","key":"\ud83d\ud83d"}`), `not JSON: half of a surrogate pair before byte 43`},
		{"not UTF-8", opsLine("{\"op\":\"delete\",\"key\":\"\xff\"}"), `not JSON: text that is not UTF-8; use value_base64 for other bytes`},
		{"a tab in a string", opsLine("{\"op\":\"delete\",\"key\":\"a\tb\"}"), `not JSON: control character '\t' at byte 32; write it as an escape`},
		{"a bad number in a field to skip", `{"x":01,` + ops + `}`, `not JSON: '1' at byte 7 where ',' or '}' is expected`},
		{"deep", `{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `,` + ops + `}`, `values nested more than 64 deep`},

		{"no ops", `{}`, `transaction without ops; "ops" must be an array of at least one`},
		{"empty ops", `{"ops":[]}`, `transaction without ops; "ops" must be an array of at least one`},
		{"ops null", `{"ops":null}`, `"ops" is null; it must be an array of ops`},
		{"ops an object", `{"ops":` + del + `}`, `"ops" is an object; it must be an array of ops`},
		{"ops twice", `{` + ops + `,` + ops + `}`, `field "ops" comes twice`},
		{"op a string", `{"ops":["delete"]}`, `an op is a string; it must be an object`},
		{"block a number", `{"block":7,` + ops + `}`, `"block" is a number; it must be a string`},
		{"block null", `{"block":null,` + ops + `}`, `"block" is null; it must be a string`},
		{"block empty", `{"block":"",` + ops + `}`, `"block" is empty`},
		{"block twice", `{"block":"1",` + ops + `,"block":"1"}`, `field "block" comes twice`},
		{"block long", `{"block":"` + strings.Repeat("x", 1025) + `",` + ops + `}`, `block key of 1025 bytes is over the limit of 1024 bytes`},
		{"block misspelt", `{"blcok":"1",` + ops + `}`, `unknown field "blcok"; did you mean "block"?`},
		{"block in capitals", `{"Block":"1",` + ops + `}`, `unknown field "Block"; did you mean "block"?`},
		{"ops misspelt", `{"op":[` + del + `]}`, `unknown field "op"; did you mean "ops"?`},
		{"id a number", `{"id":7,` + ops + `}`, `"id" is a number; it must be a string`},
		{"id long", `{"id":"` + strings.Repeat("x", 1025) + `",` + ops + `}`, `id of 1025 bytes is over the limit of 1024 bytes`},

		{"unknown op", opsLine(`{"op":"transfr","from":"a","to":"b","amount":"1"}`), `unknown op "transfr"; use transfer, debit, credit, put, delete or require`},
		{"unknown op later", opsLine(del + `,{"op":"Delete"}`), `op 2: unknown op "Delete"; use transfer, debit, credit, put, delete or require`},
		{"op without op", opsLine(`{"key":"k"}`), `an op lacks the field "op"; use transfer, debit, credit, put, delete or require`},
		{"op null", opsLine(`{"op":null}`), `"op" is null; it must be a string`},
		{"unknown field", opsLine(`{"op":"delete","key":"k","kee":1}`), `unknown field "kee" in delete; it has key`},
		{"unknown field first", opsLine(`{"form":{"x":[]},"op":"transfer","to":"b","amount":"1"}`), `unknown field "form" in transfer; it has from, to and amount`},
		{"another op's field", opsLine(transfer + `"1","account":"a"}`), `unknown field "account" in transfer; it has from, to and amount`},
		{"delete with value", opsLine(`{"op":"delete","key":"k","value":""}`), `unknown field "value" in delete; it has key`},
		{"put absent", opsLine(`{"op":"put","key":"k","value":"","absent":true}`), `unknown field "absent" in put; it has key, and value or value_base64`},
		{"duplicate field", opsLine(`{"op":"transfer","from":"a","from":"b","to":"c","amount":"1"}`), `field "from" comes twice`},
		{"duplicate op", opsLine(`{"op":"delete","op":"delete","key":"k"}`), `field "op" comes twice`},
		{"no from", opsLine(`{"op":"transfer","to":"b","amount":"1"}`), `transfer lacks "from"; it has from, to and amount`},
		{"no amount", opsLine(`{"op":"debit","account":"b"}`), `debit lacks "amount"; it has account and amount`},
		{"no key", opsLine(`{"op":"put","value":"b"}`), `put lacks "key"; it has key, and value or value_base64`},
		{"no value", opsLine(`{"op":"put","key":"b"}`), `put lacks a value; it has key, and value or value_base64`},
		{"two values", opsLine(`{"op":"put","key":"b","value":"","value_base64":""}`), `put has value and value_base64; give only one of them`},
		{"nothing required", opsLine(`{"op":"require","key":"b"}`), `require lacks a value; it has key, and value, value_base64 or "absent":true`},
		{"value and absent", opsLine(`{"op":"require","key":"b","absent":true,"value":""}`), `require has value and absent; give only one of them`},
		{"absent false", opsLine(`{"op":"require","key":"b","absent":false}`), `"absent" must be true, or left out`},
		{"absent a string", opsLine(`{"op":"require","key":"b","absent":"true"}`), `"absent" must be true, or left out`},
		{"key a number", opsLine(`{"op":"delete","key":1}`), `"key" is a number; it must be a string`},
		{"value a number", opsLine(`{"op":"put","key":"k","value":1}`), `"value" is a number; it must be a string`},
		{"empty account", opsLine(`{"op":"debit","account":"","amount":"1"}`), `"account" is empty`},
		{"bad base64", opsLine(`{"op":"put","key":"k","value_base64":"AA"}`), `"value_base64" is not standard base64 with padding`},
		{"sloppy base64", opsLine(`{"op":"put","key":"k","value_base64":"AB=="}`), `"value_base64" is not standard base64 with padding`},

		{"amount a number", opsLine(transfer + `1}`), `"amount" is a number; it must be a string of decimal digits, such as "31337"`},
		{"amount empty", opsLine(transfer + `""}`), `empty amount`},
		{"amount negative", opsLine(transfer + `"-1"}`), `amount "-1" is not decimal digits`},
		{"amount with plus", opsLine(transfer + `"+1"}`), `amount "+1" is not decimal digits`},
		{"amount with point", opsLine(transfer + `"1.0"}`), `amount "1.0" is not decimal digits`},
		{"amount in hex", opsLine(transfer + `"0x1"}`), `amount "0x1" is not decimal digits`},
		{"amount over", opsLine(transfer + `"` + over + `"}`), `amount ` + over + ` is over 2^256-1`},

		{"long account", opsLine(`{"op":"debit","account":"` + strings.Repeat("x", 1017) + `","amount":"1"}`), `key "account/` + strings.Repeat("x", 56) + `" of 1025 bytes is over the limit of 1024 bytes`},
		{"longest value", opsLine(`{"op":"put","key":"k","value":"` + strings.Repeat("x", 65537) + `"}`), `value of 65537 bytes is over the limit of 65536 bytes`},
		{"longest value required", opsLine(del + `,{"op":"require","key":"k","value":"` + strings.Repeat("x", 65537) + `"}`), `op 2: value of 65537 bytes is over the limit of 65536 bytes`},
		{"many keys", opsLine(manyDeletes(4097)), `transaction with 4097 keys is over the limit of 4096 keys`},
		{"too many keys to encode", opsLine(manyDeletes(65536)), `transaction with 65536 keys, the most is 65535`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := readLine(test.line); err == nil || err.Error() != test.want {
				t.Errorf("error %v\n want %s", err, test.want)
			}
		})
	}
}

func manyDeletes(n int) string {
	var ops []string
	for i := range n {
		ops = append(ops, fmt.Sprintf(`{"op":"delete","key":"%d"}`, i))
	}
	return strings.Join(ops, ",")
}

func TestLimitsAreInclusive(t *testing.T) {
	for _, ops := range []string{
		manyDeletes(4096),
		`{"op":"debit","account":"` + strings.Repeat("x", 1016) + `","amount":"1"}`,
		`{"op":"put","key":"k","value":"` + strings.Repeat("x", 65536) + `"}`,
	} {
		if _, err := readLine(opsLine(ops)); err != nil {
			t.Error(err)
		}
	}
}

func TestMisspelt(t *testing.T) {
	for _, name := range []string{"Block", "BLOCK", "blok", "blocks", "blocl", "lbock", "clock"} {
		if !misspelt(name, "block") {
			t.Errorf("%s passes", name)
		}
	}
	for _, name := range []string{"", "note", "height", "blockkey", "bl", "kcolb"} {
		if misspelt(name, "block") {
			t.Errorf("%s is taken for block", name)
		}
	}
	if misspelt("is", "id") || !misspelt("ID", "id") {
		t.Error("id")
	}
}

// The names in the errors are those the reader knows.
func TestOpNames(t *testing.T) {
	var names []string
	for _, s := range shapes {
		names = append(names, s.name)
	}
	last := len(names) - 1
	if got := strings.Join(names[:last], ", ") + " or " + names[last]; got != opNames {
		t.Errorf("%s, want %s", opNames, got)
	}
}

// Whatever ops are written as JSON, in whatever order of fields, come back.
func TestLineRoundTrip(t *testing.T) {
	text := rapid.StringN(1, 8, 64)
	rapid.Check(t, func(t *rapid.T) {
		var ops []ledger.Op
		var written []string
		for range rapid.IntRange(1, 6).Draw(t, "ops") {
			op, fields := drawOp(t, text)
			ops = append(ops, op)
			written = append(written, "{"+strings.Join(rapid.Permutation(fields).Draw(t, "order"), ",")+"}")
		}
		e, err := readLine(opsLine(strings.Join(written, ",")))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ledger.Ops(e.transaction); err != nil || !slices.Equal(back, ops) {
			t.Fatalf("%v came back as %v, %v", ops, back, err)
		}
	})
}

func drawOp(t *rapid.T, text *rapid.Generator[string]) (ledger.Op, []string) {
	field := func(name string, value any) string {
		b, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%q:%s", name, b)
	}
	a, b := text.Draw(t, "a"), text.Draw(t, "b")
	n := rapid.Uint64().Draw(t, "amount")
	value := rapid.SliceOf(rapid.Byte()).Draw(t, "value")
	amountField := field("amount", fmt.Sprint(n))
	switch rapid.IntRange(0, 6).Draw(t, "op") {
	case 0:
		return ledger.Transfer(a, b, amount(n)), []string{field("op", "transfer"), field("from", a), field("to", b), amountField}
	case 1:
		return ledger.Debit(a, amount(n)), []string{field("op", "debit"), field("account", a), amountField}
	case 2:
		return ledger.Credit(a, amount(n)), []string{field("op", "credit"), field("account", a), amountField}
	case 3:
		return ledger.Put(a, []byte(b)), []string{field("op", "put"), field("key", a), field("value", b)}
	case 4:
		return ledger.Delete(a), []string{field("op", "delete"), field("key", a)}
	case 5:
		return ledger.Require(a, value), []string{field("op", "require"), field("key", a), field("value_base64", append([]byte{}, value...))}
	}
	return ledger.RequireAbsent(a), []string{field("op", "require"), field("key", a), field("absent", true)}
}

// FuzzLine: no line makes the reader panic, and a line it takes is JSON and
// makes a transaction that fits into a block and means what it says.
func FuzzLine(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add([]byte(`{"block":"46147","id":"0x5c50","ops":[{"op":"transfer","from":"alice","to":"bob","amount":"31337"},{"op":"debit","account":"alice","amount":"21000"}]}`))
	f.Add([]byte(`{"x":[1,-2.5e+3,null,true],"ops":[{"op":"put","key":"k\u00e9\ud83d\ude00","value_base64":"AP/+"},{"op":"require","key":"k","absent":true}]}`))
	f.Add([]byte(`{"ops":[{"op":"require","key":"\\\"","value":"é"},{"op":"credit","account":"a","amount":"00"},{"op":"delete","key":"k"}]}`))
	f.Add([]byte(`{"ops":[{"op":"delete","key":"\ud800"}]}`))
	f.Add([]byte(`[[[[[`))
	limits := protocol.DefaultLimits()
	f.Bound(1<<10, 1<<18)
	f.Fuzz(func(t testing.TB, line []byte) {
		r := lineReader{limits: limits}
		e, err := r.read(line)
		if err != nil {
			return
		}
		if !json.Valid(line) || !utf8.Valid(line) {
			t.Fatalf("took what is not JSON: %q", line)
		}
		back, err := ledger.Ops(e.transaction)
		if err != nil || !slices.Equal(back, r.ops) {
			t.Fatalf("%v came back as %v, %v", r.ops, back, err)
		}
		if _, err := protocol.DecodeBody(protocol.EncodeBody([]protocol.Transaction{e.transaction}), limits); err != nil {
			t.Fatalf("does not fit into a block: %v", err)
		}
	})
}

// FuzzSkip: the scanner agrees with the standard library on what is JSON; it
// also refuses text that is not UTF-8, half surrogate pairs and deep nesting.
func FuzzSkip(ff *testing.F) {
	f := fuzz.New(ff)
	for _, seed := range []string{`{"a":[1,-0.5e+10,"\u00e9\ud83d\ude00\n",true,false,null,{}]}`, `01`, `-`, `1.`, `"\ud800"`, `[1,]`, `tru`, "\"\x01\""} {
		f.Add([]byte(seed))
	}
	f.Bound(1<<8, 1<<17)
	f.Fuzz(func(t testing.TB, text []byte) {
		var s scanner
		s.reset(text)
		s.skip()
		s.end()
		switch valid := json.Valid(text); {
		case s.err == nil && !valid:
			t.Fatalf("took %q", text)
		case s.err != nil && valid && strings.HasPrefix(s.err.Error(), "not JSON") &&
			!strings.Contains(s.err.Error(), "UTF-8") && !strings.Contains(s.err.Error(), "surrogate"):
			t.Fatalf("refused %q: %v", text, s.err)
		}
	})
}
