package fuzz

import (
	"bytes"
	"testing"
)

// shrinkRuns bounds the executions that making an input smaller takes.
const shrinkRuns = 20_000

// shrink takes pieces of an input away for as long as it fails, and gives what is
// left with the message of its failure; the message is empty if it does not fail.
func shrink(in input, target runner, tb testing.TB) (input, string) {
	p, message := &probe{TB: tb}, ""
	runs := 0
	fails := func(in input) bool {
		runs++
		if runs > shrinkRuns || p.survives(func() { target(p, in.clone()) }) {
			return false
		}
		message = p.message
		return true
	}
	if !fails(in) {
		return in, ""
	}
	for i := range in {
		a := &in[i]
		for n := len(a.bytes); n > 0; n /= 2 {
			for at := 0; at+n <= len(a.bytes); {
				whole := a.bytes
				a.bytes = append(bytes.Clone(whole[:at]), whole[at+n:]...)
				if !fails(in) {
					a.bytes = whole
					at += n
				}
			}
		}
	}
	return in, message
}
