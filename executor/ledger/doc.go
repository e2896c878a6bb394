// Package ledger is the built-in machine: accounts with balances, and plain
// key/value pairs with conditions.
//
// A transaction is a list of operations, made with Transfer, Debit, Credit,
// Put, Delete, Require and RequireAbsent and put together by NewTransaction.
// They run in order and see each other's effects. The first that fails gives
// the transaction its outcome, and then nothing of the transaction is kept.
//
//	outcome             when
//	applied             every operation held
//	insufficient_funds  a debit of more than the balance
//	overflow            a credit that would make a balance exceed 2^256-1
//	requirement_failed  a requirement that does not hold
//	invalid             a payload that is not well formed, wherever in it the
//	                    fault is; a stored balance that is none; or a broken
//	                    rule of executor.Tx, such as an undeclared access
//
// # State
//
//	key           value
//	account/NAME  balance: big-endian bytes without leading zeros, at most 32.
//	              A balance of 0 is stored as no key at all.
//	kv/KEY        any bytes
//
// NAME and KEY are any bytes, but not empty. Operations on accounts touch only
// account/ keys, the others only kv/ keys, so money is neither made nor lost
// but by Credit and Debit.
//
// # Payload
//
// Operations name keys by their index in the transaction's access list, which
// is sorted and has no duplicates. Integers are big-endian.
//
//	payload   = u8 version (1), operation, operation …   at least one
//	operation = u8 code, then by code
//	  1 transfer        u16 from, u16 to, amount
//	  2 debit           u16 account, amount
//	  3 credit          u16 account, amount
//	  4 put             u16 key, value
//	  5 delete          u16 key
//	  6 require         u16 key, value
//	  7 require absent  u16 key
//	amount    = u8 length (0 to 32), that many bytes, the first not 0
//	value     = u32 length, that many bytes
//
// Every list of operations has exactly one payload. Access: transfer, debit and
// credit read and write, put and delete write, require reads; a key with
// several uses has all their modes.
package ledger
