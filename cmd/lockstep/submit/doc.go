// Package submit feeds transaction files to a cluster, block by block.
//
// Blocks of a file may depend on each other, so they commit in the order of the
// file, and the first that is not committed ends the run: nothing behind it is
// committed either. Several are under way at once all the same, since each tells the
// coordinator which one it comes after; Options.Pipeline bounds how many.
//
// While blocks are under way the next is read and checked, so reading costs no
// time. A file with a fault is refused at the fault: what stands before is
// committed, of the block with the fault nothing is sent.
package submit
