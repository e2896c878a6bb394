package fuzz

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// input is the arguments of one execution.
type input []argument

// argument is one value: bytes of a []byte or string, or the bits of a number or
// bool.
type argument struct {
	kind  reflect.Type
	bytes []byte
	bits  uint64
}

func (a argument) isBytes() bool {
	return a.kind.Kind() == reflect.Slice || a.kind.Kind() == reflect.String
}

func inputOf(args []any) (in input) {
	for _, arg := range args {
		in = append(in, argumentOf(reflect.ValueOf(arg)))
	}
	return in
}

func fromValues(args []reflect.Value) (in input) {
	for _, arg := range args {
		in = append(in, argumentOf(arg))
	}
	return in
}

func argumentOf(v reflect.Value) argument {
	a := argument{kind: v.Type()}
	switch {
	case v.Kind() == reflect.Slice:
		a.bytes = v.Bytes()
	case v.Kind() == reflect.String:
		a.bytes = []byte(v.String())
	case v.Kind() == reflect.Bool && v.Bool():
		a.bits = 1
	case v.CanInt():
		a.bits = uint64(v.Int())
	case v.CanUint():
		a.bits = v.Uint()
	case v.CanFloat():
		a.bits = math.Float64bits(v.Float())
	}
	return a
}

func (a argument) reflect() reflect.Value {
	v := reflect.New(a.kind).Elem()
	switch {
	case v.Kind() == reflect.Slice:
		v.SetBytes(a.bytes)
	case v.Kind() == reflect.String:
		v.SetString(string(a.bytes))
	case v.Kind() == reflect.Bool:
		v.SetBool(a.bits&1 == 1)
	case v.CanInt():
		v.SetInt(int64(a.bits))
	case v.CanUint():
		v.SetUint(a.bits)
	case v.CanFloat():
		v.SetFloat(math.Float64frombits(a.bits))
	}
	return v
}

// size is the number of bytes of an input.
func (in input) size() (n int) {
	for i := range in {
		n += max(len(in[i].bytes), 1)
	}
	return n
}

// copyTo makes to equal to in, and uses its memory where it can.
func (in input) copyTo(to input) {
	for i := range in {
		to[i].kind, to[i].bits = in[i].kind, in[i].bits
		to[i].bytes = append(to[i].bytes[:0], in[i].bytes...)
	}
}

func (in input) clone() input {
	to := make(input, len(in))
	in.copyTo(to)
	return to
}

const corpusHeader = "go test fuzz v1"

// file gives the input in the form in which go test keeps it.
func (in input) file() []byte {
	var b strings.Builder
	b.WriteString(corpusHeader + "\n")
	for _, a := range in {
		switch v := a.reflect(); v.Kind() {
		case reflect.Slice:
			fmt.Fprintf(&b, "[]byte(%q)\n", a.bytes)
		case reflect.Uint8:
			fmt.Fprintf(&b, "byte(%q)\n", rune(v.Uint()))
		case reflect.String:
			fmt.Fprintf(&b, "string(%q)\n", a.bytes)
		default:
			fmt.Fprintf(&b, "%s(%v)\n", a.kind, v)
		}
	}
	return []byte(b.String())
}

// keep writes the input where go test looks for it, and gives the name of the
// file.
func (in input) keep(dir string) (string, error) {
	content := in.file()
	sum := sha256.Sum256(content)
	name := filepath.Join(dir, hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	return name, os.WriteFile(name, content, 0o666)
}

// load reads a corpus, in the order of names. Files of other arguments than like has
// are left out, as those of an older form of the target; so is a folder that is not
// there.
func load(dir string, like []reflect.Type) (list []input, err error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		if in, ok := parse(content, like); ok {
			list = append(list, in)
		}
	}
	return list, err
}

func parse(content []byte, like []reflect.Type) (in input, ok bool) {
	header, rest, _ := strings.Cut(strings.TrimRight(string(content), "\n"), "\n")
	lines := strings.Split(rest, "\n")
	if header != corpusHeader || len(lines) != len(like) {
		return nil, false
	}
	for i, line := range lines {
		expr, err := parser.ParseExpr(line)
		call, isCall := expr.(*ast.CallExpr)
		if err != nil || !isCall || len(call.Args) != 1 {
			return nil, false
		}
		a := argument{kind: like[i]}
		if !a.read(line[call.Args[0].Pos()-1 : call.Args[0].End()-1]) {
			return nil, false
		}
		in = append(in, a)
	}
	return in, true
}

// read takes the value from a literal of Go.
func (a *argument) read(literal string) bool {
	switch v := reflect.New(a.kind).Elem(); {
	case a.isBytes():
		text, err := strconv.Unquote(literal)
		a.bytes = []byte(text)
		return err == nil
	case v.Kind() == reflect.Bool:
		set, err := strconv.ParseBool(literal)
		if set {
			a.bits = 1
		}
		return err == nil
	case v.CanFloat():
		n, err := strconv.ParseFloat(literal, 64)
		a.bits = math.Float64bits(n)
		return err == nil
	case strings.HasPrefix(literal, "'"):
		r, _, _, err := strconv.UnquoteChar(literal[1:len(literal)-1], '\'')
		a.bits = uint64(r)
		return err == nil
	case v.CanInt():
		n, err := strconv.ParseInt(literal, 0, 64)
		a.bits = uint64(n)
		return err == nil
	default:
		n, err := strconv.ParseUint(literal, 0, 64)
		a.bits = n
		return err == nil
	}
}
