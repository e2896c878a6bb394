// Package txfile reads files of ledger transactions and cuts them into blocks.
//
// A file is JSON Lines, one transaction a line, plain or gzip; empty lines
// are skipped. An op is an object:
//
//	{"block":"7","id":"x1","ops":[{"op":"transfer","from":"alice","to":"bob","amount":"3"}]}
//
//	op             fields
//	transfer       from, to, amount
//	debit, credit  account, amount
//	put            key, and value or value_base64
//	delete         key
//	require        key, and value, value_base64 or "absent":true
//
// Amounts are strings of decimal digits, 0 to 2^256-1; leading zeros mean
// nothing. A value is taken as its UTF-8 bytes, a value_base64 is standard
// base64 with padding. Neither accounts nor keys may be empty.
//
// # Blocks
//
// Consecutive lines with the same block form exactly one block, whose block key
// it is; the same block later in the file is refused. Lines without it are
// batched, up to the block size and what the limits allow. The key of a batch
// is made of the base name of the file (without .gz), its first line, and
// a hash of its ids and transactions. So the same file, cut by the same block
// size, gives the same keys, and submitting it twice changes nothing the second
// time. It also means that two files of one base name and one content are one.
//
// # What is refused
//
// Whatever cannot be a transaction refuses the file, naming the line, before
// anything of its block is given out. Where the line does not say which block
// that is, it might be the block before it, so that one is held back as well.
// Blocks further up were given out already. Nothing is guessed where money
// hangs on it: duplicate fields, unknown fields of an op, text that is not
// UTF-8. Unknown fields beside block, id and ops are ignored, unless they look
// like one of those misspelt.
package txfile
