package wire_test

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// A message travels as frames of its lane, and is checked where it arrives.
func Example() {
	abort := protocol.Abort{Attempt: protocol.AttemptID{Height: 7, Epoch: 2, Attempt: 1}}
	lane, data, err := wire.Marshal(protocol.Envelope{Epoch: 2, Message: abort})
	if err != nil {
		panic(err)
	}
	parts := wire.NewAssembler(wire.DefaultMaxMessage)
	for len(data) > 0 {
		frame, rest := wire.Chunk(lane, data) // goes over the network
		message, err := parts.Add(frame)
		if err != nil {
			panic(err)
		}
		if message != nil {
			env, err := wire.UnmarshalToShard(message, wire.Bounds{Shards: 4})
			fmt.Println(env.Message.(protocol.Abort).Attempt, err)
		}
		data = rest
	}
	_, err = wire.UnmarshalToShard([]byte("nonsense"), wire.Bounds{})
	fmt.Println(err != nil)
	// Output:
	// 7/2.1 <nil>
	// true
}
