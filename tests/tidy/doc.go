// Package tidy holds tests of the shape of the code: which package may import
// which, and what the pure core must not touch. It has no code of its own.
package tidy
