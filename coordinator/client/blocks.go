package client

import (
	"context"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// pageBlocks is the most that one answer holds.
const pageBlocks = 1000

// Blocks lists up to n committed blocks in order of height, from a height on;
// from 0 gives the newest. It hands them out page by page, so that n may be
// large.
func (c *Coordinator) Blocks(ctx context.Context, from uint64, n int, each func([]*wirepb.Block) error) error {
	if from == 0 && n > pageBlocks {
		start, err := c.newest(ctx, n)
		if err != nil {
			return err
		}
		from = start
	}
	for n > 0 {
		page, err := c.page(ctx, from, min(n, pageBlocks))
		if err != nil || len(page) == 0 {
			return err
		}
		if err := each(page); err != nil {
			return err
		}
		n -= len(page)
		from = page[len(page)-1].GetHeight() + 1
	}
	return nil
}

// newest gives the height at which the newest n blocks begin.
func (c *Coordinator) newest(ctx context.Context, n int) (uint64, error) {
	response, err := c.ListBlocks(ctx, &wirepb.ListBlocksRequest{Limit: 1})
	if err != nil {
		return 0, err
	}
	if height := response.GetHeight(); height > uint64(n) {
		return height - uint64(n) + 1, nil
	}
	return 1, nil
}

func (c *Coordinator) page(ctx context.Context, from uint64, n int) ([]*wirepb.Block, error) {
	response, err := c.ListBlocks(ctx, &wirepb.ListBlocksRequest{FromHeight: from, Limit: uint32(n)})
	if len(response.GetBlocks()) > n {
		return response.GetBlocks()[:n], err
	}
	return response.GetBlocks(), err
}
