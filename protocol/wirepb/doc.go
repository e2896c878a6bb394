// Package wirepb holds the Go code generated from the lockstep.v1 .proto files
// in lockstep/v1: what clients, coordinator and shards say to each other over
// gRPC. Package wire converts between these messages and package protocol, and
// checks everything that comes in.
//
// The generated files are never edited. After a change to a .proto file, run
// at the top of the repository:
//
//	go tool -modfile=tools/go.mod buf lint
//	go tool -modfile=tools/go.mod buf generate
package wirepb
