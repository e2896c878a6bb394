// Package fuzz lets one fuzz target be run in two ways: by go test, which is led by
// coverage and makes some ten thousand executions a second, and by a mutator of this
// package, which knows nothing of coverage and makes up to some million a second
// with the same function, seeds and checks.
//
//	func FuzzDecode(ff *testing.F) {
//		f := fuzz.New(ff)
//		f.Bound(64, 1<<16) // an execution allocates at most 64 bytes per byte of input, and 64 KiB
//		f.Add(golden)
//		f.Fuzz(func(t testing.TB, b []byte) { … })
//	}
//
// Coverage finds the way into a decoder, and what it finds it keeps in a corpus; the
// mutator starts from that corpus and tries everything near it. Package campaign runs
// both in turns, over all targets, and keeps count of each.
//
// The mutator runs instead of go test's own loop if the variable LOCKSTEP_MUTATE has a
// duration. What it finds is made smaller and written to testdata/fuzz, where go
// test finds it ever after.
package fuzz
