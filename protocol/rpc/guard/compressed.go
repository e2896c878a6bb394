package guard

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
)

// Unpacked is a decompressor of gRPC that takes nothing: a few bytes would become very
// many before anybody has looked at them. Clients of this project compress nothing, but
// other parts of a program may register a compressor for all of it.
type Unpacked struct{ refusals *Refusals }

// Unpacked gives it.
func (g *Guard) Unpacked() Unpacked { return Unpacked{g.refusals} }

const compressedSentence = "compressed messages are not taken: send them as they are"

// Do implements grpc.Decompressor.
func (u Unpacked) Do(io.Reader) ([]byte, error) {
	u.refusals.Add(Compressed, "somebody", "a call", "%s", compressedSentence)
	return nil, errors.New(compressedSentence)
}

// Type implements grpc.Decompressor.
func (Unpacked) Type() string { return "gzip" }

// unpacked has a call answered without compression, whatever the client says: gRPC would
// answer as it was asked, and what it has packed is not counted while nobody takes it.
func unpacked(ctx context.Context) error { return grpc.SetSendCompressor(ctx, encoding.Identity) }
