// Package boltfile reads a bbolt file without trusting a byte of it.
//
// bbolt itself trusts its pages: on a damaged one it panics, faults outside the
// mapped file (in a goroutine of its own, if it is Tx.Check, which ends the
// process), or silently goes astray. This package is for the tools that look at
// such files. It reads through io.ReaderAt, checks every offset, length and
// reference before it follows it, reports what is wrong, and goes on with the
// next page that is whole. It never writes.
//
// It checks what bbolt's own Tx.Check does, and the two meta pages: every page
// is used once or is free, keys ascend within the bounds that the page above
// sets, the freelist names no page in use. What the values mean, and whether
// they are right, is for the caller to say: bbolt has no checksum over them.
//
// # The file
//
// A file is a row of pages of one size; a page that does not fit goes on over
// the next ones (overflow). bbolt writes integers in the order of the machine;
// this package reads little-endian ones.
//
//	page header, 16 bytes          meta page, after the header
//	  0  8  id of the page           0  4  magic ED0CDAED
//	  8  2  type: 1 branch, 2 leaf,  4  4  version 2
//	        4 meta, 16 freelist      8  4  page size
//	 10  2  number of elements      12  4  flags, unused
//	 12  4  overflow pages          16  8  root bucket: page
//	                                24  8  root bucket: sequence
//	branch element, 16 bytes        32  8  freelist page, all ones if none
//	  0  4  offset of key *)        40  8  number of pages in use or free
//	  4  4  length of key           48  8  transaction
//	  8  8  page                    56  8  FNV-64a of bytes 0 to 55
//
//	leaf element, 16 bytes         bucket, the value of a leaf element
//	  0  4  flags: 1 bucket          0  8  root page, 0 if inline
//	  4  4  offset of key *)         8  8  sequence, unused here
//	  8  4  length of key           16     the page itself, if inline
//	 12  4  length of value
//	                               freelist page, after the header
//	*) from the element's start      0 8n  page ids; if the number of elements
//	                                       is 65,535, the first is their number
package boltfile
