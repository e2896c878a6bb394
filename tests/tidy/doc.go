// Package tidy holds tests of the shape of the code and of the documents: which package
// may import which, what the pure core must not touch, that links lead somewhere, and
// that messages are quoted as they are. It has no code of its own.
package tidy
