// Package tidy holds tests of the shape of the code and of the documents: which package
// may import which, what the pure core must not touch, and that links lead somewhere. It
// has no code of its own.
package tidy
