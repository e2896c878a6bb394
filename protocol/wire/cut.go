package wire

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Cut takes one field of bytes out of a marshalled message: protobuf copies
// what it reads, which is a waste for a large field of bytes that nobody else
// holds. It gives the message without the field, and what the field held, which
// aliases b. If the field is not there exactly once, or b is no message, ok is
// false, and protobuf should have all of b.
func Cut(b []byte, field protowire.Number) (rest, held []byte, ok bool) {
	from, to := 0, 0 // of the field, its tag included
	for at := 0; at < len(b); {
		n, kind, size := protowire.ConsumeField(b[at:])
		if size < 0 {
			return nil, nil, false
		}
		if n == field && kind == protowire.BytesType {
			if ok {
				return nil, nil, false
			}
			from, to, ok = at, at+size, true
		}
		at += size
	}
	if !ok {
		return nil, nil, false
	}
	_, _, tag := protowire.ConsumeTag(b[from:to])
	held, _ = protowire.ConsumeBytes(b[from+tag : to])
	return slices.Concat(b[:from], b[to:]), slices.Clip(held), true
}
