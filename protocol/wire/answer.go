package wire

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// MostAnswerBytes bounds what one answer to a read gathers: two values of the longest
// that a cluster may allow.
const MostAnswerBytes = 32 << 20

// TooMuchToRead is what a client is told whose keys hold more than that.
func TooMuchToRead() error {
	return status.Errorf(codes.ResourceExhausted, "the values of these keys take more than %d MiB, which is the most that one read gives: read fewer keys at one time", MostAnswerBytes>>20)
}
