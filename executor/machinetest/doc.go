// Package machinetest checks that a machine of one's own keeps the rules of
// executor.Machine. One call in a test does it:
//
//	func TestMachine(t *testing.T) {
//		machinetest.Check(t, Machine{}, rapid.Custom(drawTransaction), machinetest.Invariant(neverOversold))
//	}
//
// Blocks of drawn transactions, and of transactions that were damaged on purpose,
// have to come to the same whatever way they are run:
//
//   - Every transaction is run by itself several times over the same values, again in
//     reverse order at the end, and from several goroutines at once: outcome and
//     writes may depend on nothing else (time, chance, the order of a map, an earlier
//     call). With -race, shared memory shows too.
//   - Payload, keys and values are overwritten when Execute has returned: a machine
//     that keeps them shows. One that changes them is found directly.
//   - A drawn transaction declares all that the machine touches, and fits the limits. A
//     damaged one may be invalid; it may panic no more than any other.
//   - Clusters of one shard and more execute the blocks with the code that ships, in an
//     order that is drawn. Outcomes, and every byte of the state, must be those of a
//     sequential run (invariant 6).
//   - What an Invariant says of the state holds after every block.
//
// What no test can show stands in the documentation of executor.Machine.
//
// Random draws, shrinking and seeds are those of pgregory.net/rapid, with its
// flags. A machine that gives different results by chance cannot be shrunk: rapid
// then calls the test flaky, and shows what it found first.
package machinetest
