// Package identity proves who is who between the processes of a cluster, and says
// what each may do.
//
// An identity is a certificate with one URI that names cluster, role and name:
//
//	lockstep://prod/shard/3
//
// Its cluster is a name that the operator chose with the certificate authority, not
// the id that the first coordinator draws; that one is compared beside it, in the
// first message of each session, and each data directory is bound to it.
//
// Everything is verified by that URI and by the authority, nothing by host name or
// address: addresses change, and who may speak for shard 3 does not depend on them.
// Both ends of a connection show a certificate, over TLS 1.3 alone. There are no
// session tickets, so that no connection outlives the authority that it was made
// under.
//
// Open reads an identity from a folder with the files tls.crt, tls.key and ca.crt, and
// Watch reads it again when they change. A server asks Gate about each call, before
// a byte of its message is read: what table.go does not allow to a role is refused.
// Claims compares what a peer says of itself with what it has proven.
//
// A nil *Identity stands for plaintext, in which nothing is proven and everything is
// allowed: for loopback, and for networks on which everybody is trusted.
package identity
