// Package pages checks the page structure of a bbolt file without bbolt.
//
// bbolt has a check of its own, Tx.Check, but like all of bbolt it follows the
// pointers it finds: on a damaged file it can run out of the mapped memory, or
// in circles until the stack overflows, and neither can be recovered from. This
// package reads the file page by page, believes nothing, and visits no page
// twice. It takes the format from bbolt (internal/common), in which integers
// have the byte order of the machine:
//
//	page     u64 id, u16 flags, u16 count, u32 overflow, content;
//	         1+overflow pages of the size that the meta page says
//	meta     u32 magic, u32 version, u32 page size, u32 flags, u64 root page,
//	         u64 sequence, u64 freelist page, u64 high water mark,
//	         u64 transaction, u64 FNV-1a of the 56 bytes before
//	branch   count elements: u32 position, u32 key length, u64 child page
//	leaf     count elements: u32 flags, u32 position, u32 key length, u32 value length
//	freelist count page ids; if count is 65535, the first id is the count
//	bucket   value of a leaf element with flag 1: u64 root page, u64 sequence,
//	         and for root page 0 a whole leaf page
//
// Positions count from the start of the element.
package pages
