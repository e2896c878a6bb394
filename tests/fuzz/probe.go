package fuzz

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
)

// probe is the testing.TB that the mutator gives to targets. It notes the first
// failure; the test itself goes on.
type probe struct {
	testing.TB // for what lives as long as the test, such as TempDir
	failed     bool
	message    string
}

func (p *probe) note(message string) {
	if !p.failed {
		p.failed, p.message = true, message
	}
}

func (p *probe) Fail()                             { p.note("failed") }
func (p *probe) Failed() bool                      { return p.failed }
func (p *probe) Error(args ...any)                 { p.note(fmt.Sprint(args...)) }
func (p *probe) Errorf(format string, args ...any) { p.note(fmt.Sprintf(format, args...)) }
func (p *probe) Helper()                           {}
func (p *probe) Log(...any)                        {}
func (p *probe) Logf(string, ...any)               {}

func (p *probe) FailNow() {
	p.Fail()
	runtime.Goexit()
}

func (p *probe) Fatal(args ...any) {
	p.Error(args...)
	runtime.Goexit()
}

func (p *probe) Fatalf(format string, args ...any) {
	p.Errorf(format, args...)
	runtime.Goexit()
}

// survives runs f in a goroutine of its own, as FailNow needs it, and says whether
// it came to its end without a failure or a panic.
func (p *probe) survives(f func()) bool {
	p.failed, p.message = false, ""
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if cause := recover(); cause != nil {
				p.note(fmt.Sprintf("panic: %v\n%s", cause, debug.Stack()))
			}
		}()
		f()
	}()
	<-ended
	return !p.failed
}
