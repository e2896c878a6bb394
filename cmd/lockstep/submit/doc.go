// Package submit feeds transaction files to a cluster, block by block.
//
// Blocks of a file may depend on each other, so they must commit in the order
// of the file. The API takes blocks in order of arrival, one call each, and
// calls may overtake each other; therefore a block is sent when the one before
// it is committed, and the first block that is not committed ends the run.
// Whoever knows that the blocks are independent may have more of them under
// way, with Options.Pipeline, and gives up the order.
//
// While a block is under way the next is read and checked, so reading costs no
// time. A file with a fault is refused at the fault: what stands before is
// committed, of the block with the fault nothing is sent.
package submit
