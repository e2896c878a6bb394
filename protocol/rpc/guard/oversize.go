package guard

import (
	"context"
	"errors"
	"strings"
)

// What a codec of a server gives for a message that it does not decode. Slots counts
// them, by who has sent them.
var (
	ErrElements = errors.New("the message has too many parts for its length: send a block as its canonical bytes, or a smaller one")
	ErrOversize = errors.New("the message is longer than any call of this method needs: send less at one time")
)

const (
	// A peer may send so many of them at once, and one more each second; an honest client
	// sends one, and reads why.
	refusedAtOnce, refusedPerSecond = 4, 1
)

// undecoded looks whether a call failed because its message was not decoded. Whoever
// sends many such loses the connection, since taking them in is work too.
func (g *Guard) undecoded(ctx context.Context, method string, failed error) {
	var reason Reason
	var sentence string
	switch text := failed.Error(); { // gRPC keeps of an error what it says
	case strings.Contains(text, ErrElements.Error()):
		reason, sentence = Elements, ErrElements.Error()
	case strings.Contains(text, ErrOversize.Error()):
		reason, sentence = Oversize, ErrOversize.Error()
	default:
		return
	}
	c := g.connOf(ctx)
	if c == nil {
		g.refusals.Add(reason, "somebody", method, "%s", sentence)
		return
	}
	g.mu.Lock()
	bearable := g.group(c.key).refused.take(g.now())
	g.mu.Unlock()
	if bearable {
		g.refusals.Add(reason, c.from.String(), method, "%s", sentence)
		return
	}
	g.punish(c)
	c.cut(reason, sentence)
}
