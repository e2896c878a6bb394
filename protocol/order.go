package protocol

import "fmt"

// A block may come after one other (C9). Admission sees to it that the
// predecessor stands below it or is decided, the order of heights does the rest,
// and withdrawal takes the followers along.

// follows gives the predecessor that a new block has to wait for, "" if there is
// none or it is decided, or says why the block must not be taken up.
func (c *Coordinator) follows(ev Submitted) (after, early string) {
	var id Digest
	switch d, p := c.keys[ev.After], c.pending[ev.After]; {
	case ev.After == "":
		return "", ""
	case d != nil:
		id = d.Block
	case p != nil:
		after, id = ev.After, p.block.ID
	default:
		return "", fmt.Sprintf("block %q, which it comes after, is neither committed nor waiting: submit that one first", ev.After)
	}
	if ev.AfterID != (Digest{}) && ev.AfterID != id {
		return "", fmt.Sprintf("block %q, which it comes after, has other content here: submit that one first, under a key of its own", ev.After)
	}
	return after, ""
}

// withdrawFollowers withdraws what comes after blocks[i], over any number of
// steps, from the top: so the heights in the records are those at the time of
// each, and wherever a crash cuts the log, no block is left without the one that
// it comes after.
func (c *Coordinator) withdrawFollowers(i int, reason string, e *Effects) {
	key, followers := c.blocks[i].block.Key, c.followers(i)
	told := fmt.Sprintf("block %q, which it comes after, was not committed (%s): nothing was changed, submit them again in order", key, reason)
	for n := len(followers) - 1; n >= 0; n-- {
		c.giveBack(followers[n], VerdictAborted, told, e)
	}
}

// followers lists what comes after blocks[i], over any number of steps, ascending.
func (c *Coordinator) followers(i int) (followers []int) {
	gone := map[string]bool{c.blocks[i].block.Key: true}
	for at := i + 1; at < len(c.blocks); at++ {
		if p := c.blocks[at]; gone[p.after] {
			gone[p.block.Key] = true
			followers = append(followers, at)
		}
	}
	return followers
}
