package client

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// AwaitLimits gives what the cluster's blocks may hold. It tries until a
// coordinator can be reached, or the time is over.
func (c *Coordinator) AwaitLimits(ctx context.Context, timeout time.Duration, tell Retrying) (protocol.Limits, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var wait delays
	for {
		limits, err := c.limits(ctx)
		if status.Code(err) != codes.Unavailable || pause(ctx, wait.next(mostDelay), tell, err) != nil {
			return limits, err
		}
	}
}

func (c *Coordinator) limits(ctx context.Context) (protocol.Limits, error) {
	s, err := c.Status(ctx)
	if err != nil {
		return protocol.Limits{}, err
	}
	config, err := wire.ParseConfig(s.GetConfig())
	if err != nil {
		return protocol.Limits{}, fmt.Errorf("the coordinator's configuration is not of this version: %w", err)
	}
	return config.Limits, nil
}
