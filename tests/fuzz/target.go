package fuzz

import (
	"os"
	"reflect"
	"testing"
	"time"
)

// F is a *testing.F whose target takes a testing.TB, so that the mutator can run
// it too.
type F struct {
	*testing.F
	seeds []input
	bound *bound
}

// New wraps f. It is called once, first of all, by the fuzz test.
func New(f *testing.F) *F { return &F{F: f} }

// Add adds a seed, as that of testing.F does.
func (f *F) Add(args ...any) {
	f.F.Add(args...)
	f.seeds = append(f.seeds, inputOf(args))
}

// Bound makes an execution fail that allocates more than perByte bytes for every
// byte of its input and constant bytes besides, each time that it is tried. It counts
// what the whole process allocates meanwhile, and small objects in lumps of some
// kilobytes, so constant should leave room for that: at least 64 KiB.
func (f *F) Bound(perByte, constant uint64) { f.bound = &bound{perByte, constant} }

// Fuzz runs target, a func(testing.TB, ...) with arguments that testing.F takes. It
// is called once, last of all. Target may change its arguments, but not keep them.
func (f *F) Fuzz(target any) {
	run := runnerOf(target)
	if f.bound != nil {
		run = f.bound.around(run)
	}
	if text := os.Getenv("LOCKSTEP_MUTATE"); text != "" {
		duration, err := time.ParseDuration(text)
		if err != nil {
			f.Fatalf("LOCKSTEP_MUTATE=%s is no duration: give one such as 30s", text)
		}
		f.mutate(target, duration)
		return
	}
	signature := reflect.TypeOf(target)
	params := []reflect.Type{reflect.TypeFor[*testing.T]()}
	for i := 1; i < signature.NumIn(); i++ {
		params = append(params, signature.In(i))
	}
	f.F.Fuzz(reflect.MakeFunc(reflect.FuncOf(params, nil, false), func(args []reflect.Value) []reflect.Value {
		run(args[0].Interface().(testing.TB), fromValues(args[1:]))
		return nil
	}).Interface())
}

// runner executes a target once.
type runner func(t testing.TB, in input)

// runnerOf calls targets of common forms straight, and others by reflection.
func runnerOf(target any) runner {
	switch call := target.(type) {
	case func(testing.TB, []byte):
		return func(t testing.TB, in input) { call(t, in[0].bytes) }
	case func(testing.TB, string):
		return func(t testing.TB, in input) { call(t, string(in[0].bytes)) }
	}
	call := reflect.ValueOf(target)
	return func(t testing.TB, in input) {
		args := make([]reflect.Value, 1, 1+len(in))
		args[0] = reflect.ValueOf(t)
		for i := range in {
			args = append(args, in[i].reflect())
		}
		call.Call(args)
	}
}
