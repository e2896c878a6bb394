package tracing

import (
	"context"
	"fmt"
	"strconv"

	"google.golang.org/grpc/metadata"
)

// clientKey is the metadata of a call in which a client tells its number: 16
// hexadecimal digits.
const clientKey = "lockstep-trace-client"

// Outgoing has calls that are made with the context tell the number of the client.
func Outgoing(ctx context.Context, c Client) context.Context {
	return metadata.AppendToOutgoingContext(ctx, clientKey, fmt.Sprintf("%016x", uint64(c)))
}

// Incoming gives the number that a call tells; 0 if it tells none, or one that
// cannot be read.
func Incoming(ctx context.Context) Client {
	values := metadata.ValueFromIncomingContext(ctx, clientKey)
	if len(values) != 1 || len(values[0]) != 16 {
		return 0
	}
	n, err := strconv.ParseUint(values[0], 16, 64)
	if err != nil {
		return 0
	}
	return Client(n)
}
