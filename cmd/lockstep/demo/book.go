package demo

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/proof"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// submitTimeout bounds how long a client tries for one block; longer than any
// step, so that no block is withdrawn on the way.
const submitTimeout = 3 * time.Minute

// book keeps every block that is submitted, and every answer, to be held
// against what was committed. It is safe for concurrent use.
type book struct {
	client *client.Coordinator
	blocks proof.Blocks
	flying sync.WaitGroup // launched and not landed

	mu      sync.Mutex
	answers map[string]answer // by block key
}

// answer is what a client was told.
type answer struct {
	height uint64
	id     string
	root   string
	took   time.Duration
	tries  int
}

func answerOf(b *wirepb.Block) answer {
	return answer{height: b.GetHeight(), id: hex.EncodeToString(b.GetBlockId()), root: hex.EncodeToString(b.GetRoot())}
}

// same reports whether two answers say the same.
func (a answer) same(b answer) bool { return a.height == b.height && a.id == b.id && a.root == b.root }

func (a answer) String() string {
	return fmt.Sprintf("height %d, block id %s, root %s", a.height, a.id, a.root)
}

// submit keeps a block, and sends it until it is committed.
func (k *book) submit(ctx context.Context, b block) (answer, error) {
	if err := k.blocks.Put(b.key, b.body); err != nil {
		return answer{}, fmt.Errorf("keep block %q: %w", b.key, err)
	}
	began, tries := time.Now(), 1
	told, err := k.client.Submit(ctx, client.Submission{
		Key: b.key, Body: b.body, Timeout: submitTimeout,
		Retrying: func(error, time.Duration) { tries++ },
	})
	switch {
	case err != nil:
		return answer{}, fmt.Errorf("block %q was refused: %w", b.key, err)
	case ctx.Err() != nil && told.Decision != client.Committed:
		return answer{}, context.Cause(ctx)
	case told.Decision != client.Committed:
		return answer{}, fmt.Errorf("block %q was not committed but %s: %s", b.key, told.Decision, told.Reason)
	}
	a := answerOf(told.Block)
	a.took, a.tries = time.Since(began), tries
	return a, k.note(b.key, a)
}

// note keeps an answer; another one for the same key is a lie.
func (k *book) note(key string, a answer) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if before, ok := k.answers[key]; ok {
		if !before.same(a) {
			return &lie{key: key, told: before, is: a}
		}
		return nil
	}
	k.answers[key] = a
	return nil
}

// lie is an answer that is not true.
type lie struct {
	key      string
	told, is answer
}

func (l *lie) Error() string {
	return fmt.Sprintf("a client was told an untruth about block %q: it was told %s, but it is %s", l.key, l.told, l.is)
}

// check holds all answers against the history.
func (k *book) check(history []proof.Height) error {
	committed := make(map[string]answer, len(history))
	for _, h := range history {
		a := answer{height: h.Height, id: h.Block, root: h.Root}
		if twice, ok := committed[h.Key]; ok {
			return &lie{key: h.Key, told: twice, is: a}
		}
		committed[h.Key] = a
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, told := range k.answers {
		if is := committed[key]; !told.same(is) {
			return &lie{key: key, told: told, is: is}
		}
	}
	return nil
}

// flight is a block that a client waits for.
type flight struct {
	block
	answer answer // once landed
	err    error
	landed chan struct{}
}

// launch has a client submit a block.
func (k *book) launch(ctx context.Context, b block) *flight {
	f := &flight{block: b, landed: make(chan struct{})}
	k.flying.Go(func() {
		defer close(f.landed)
		f.answer, f.err = k.submit(ctx, b)
	})
	return f
}

// land waits for the client's answer.
func (f *flight) land() error {
	<-f.landed
	return f.err
}

// down reports whether the client has its answer.
func (f *flight) down() bool {
	select {
	case <-f.landed:
		return true
	default:
		return false
	}
}
