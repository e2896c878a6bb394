package protocol_test

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// cluster wires a coordinator and its shards in memory. Its disks forget
// nothing and its network loses nothing, so it carries effects out at once; what
// a node has to do is told in the package comment.
type cluster struct {
	coordinator *protocol.Coordinator
	shards      []*protocol.Participant
	waiting     []func() // events on their way, in order
}

func (c *cluster) later(event func()) { c.waiting = append(c.waiting, event) }

func (c *cluster) run() {
	for len(c.waiting) > 0 {
		event := c.waiting[0]
		c.waiting = c.waiting[1:]
		event()
	}
}

// toCoordinator steps the coordinator. Shard i has session i+1.
func (c *cluster) toCoordinator(ev protocol.Event) {
	effects, err := c.coordinator.Step(ev)
	if err != nil {
		panic(err) // a real node stops deciding and serving, and says why
	}
	for _, d := range effects.Decided {
		fmt.Printf("coordinator: height %d is decided, block %q, %v\n", d.Height(), d.Key, d.Outcomes.Counts())
	}
	for _, env := range effects.Send {
		c.later(func() { c.toShard(int(env.Session)-1, protocol.Received{Envelope: env}) })
	}
	for _, a := range effects.Answer {
		fmt.Printf("client %d: committed at height %d\n", a.Waiter, a.Decision.Height())
	}
}

func (c *cluster) toShard(shard int, ev protocol.Event) {
	effects, err := c.shards[shard].Step(ev)
	if err != nil {
		panic(err)
	}
	for _, r := range effects.Persist {
		if p, ok := r.(*protocol.Prepared); ok {
			fmt.Printf("shard %d: prepared %s\n", shard, p.Attempt)
		}
	}
	for _, committed := range effects.Apply {
		fmt.Printf("shard %d: commits height %d\n", shard, committed.Height())
	}
	for _, env := range effects.Send {
		c.later(func() { c.toCoordinator(protocol.Received{Envelope: env}) })
	}
	for _, x := range effects.Execute {
		c.later(func() { c.toShard(shard, execute(x)) })
	}
}

// execute stands for a machine: every transaction sets its keys to its payload.
func execute(x *protocol.Execute) protocol.Executed {
	transactions, err := protocol.DecodeSubBlock(x.Encoded(), protocol.DefaultLimits())
	if err != nil {
		return protocol.Executed{Attempt: x.Attempt, Failure: &protocol.Refusal{Reason: err.Error()}}
	}
	result := protocol.Result{Outcomes: protocol.NewOutcomes(len(transactions))}
	var writes []protocol.WriteOp
	for i, tx := range transactions {
		for _, a := range tx.Access {
			writes = append(writes, protocol.WriteOp{Key: a.Key, Value: tx.Payload})
			result.Delta = result.Delta.Add(protocol.PairSum(a.Key, tx.Payload))
		}
		_ = result.Outcomes.Set(i, protocol.OutcomeApplied)
	}
	result.Writes = protocol.EncodeWrites(writes)
	return protocol.Executed{Attempt: x.Attempt, Result: result}
}

// split makes a block of transactions that touch one shard each.
func split(key string, slots protocol.SlotTable, transactions []protocol.Transaction) *protocol.Block {
	body := protocol.EncodeBody(transactions)
	block := &protocol.Block{Key: key, ID: protocol.BlockID(key, body), Body: body, Transactions: len(transactions)}
	indexes := make([][]uint32, slots.Shards())
	for i, tx := range transactions {
		owner := slots.Owner(tx.Access[0].Key)
		indexes[owner] = append(indexes[owner], uint32(i))
	}
	for s, excerpt := range protocol.Excerpts(body, transactions, indexes) {
		executes := make([]bool, len(indexes[s]))
		for i := range executes {
			executes[i] = true
		}
		block.Parts = append(block.Parts, protocol.Part{Indexes: indexes[s], Executes: executes, Excerpt: excerpt})
	}
	return block
}

// One coordinator and two shards commit a block.
func Example() {
	config := protocol.Config{Cluster: protocol.ClusterID{1}, Slots: protocol.EvenSlots(2), Limits: protocol.DefaultLimits()}
	coordinator, _, err := protocol.NewCoordinator(protocol.CoordinatorState{Config: config}, 1, nil, protocol.CoordinatorOptions{})
	if err != nil {
		panic(err)
	}
	c := &cluster{coordinator: coordinator}
	for i := range config.Shards() {
		identity := protocol.Identity{Shard: protocol.ShardID(i), Directory: protocol.DirectoryID{byte(i + 1)}}
		c.shards = append(c.shards, protocol.NewParticipant(identity, protocol.ShardState{}))
		c.later(func() { c.toShard(i, protocol.Opened{Session: protocol.Session(i + 1)}) })
	}
	c.run()

	set := func(key, value string) protocol.Transaction {
		return protocol.NewTransaction([]byte(value), []protocol.Access{{Key: []byte(key), Mode: protocol.Write}})
	}
	block := split("first", config.Slots, []protocol.Transaction{set("alice", "10"), set("bob", "20"), set("carol", "30")})
	c.later(func() { c.toCoordinator(protocol.Submitted{Block: block, Waiter: 7}) })
	c.run()

	for i, shard := range c.shards {
		fmt.Printf("shard %d: at height %d\n", i, shard.Status().Committed.Height())
	}
	// Output:
	// shard 0: prepared 1/1.1
	// shard 1: prepared 1/1.1
	// coordinator: height 1 is decided, block "first", map[applied:3]
	// client 7: committed at height 1
	// shard 0: commits height 1
	// shard 1: commits height 1
	// shard 0: at height 1
	// shard 1: at height 1
}
