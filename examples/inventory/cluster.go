package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// cluster is a coordinator and shards in this process. Each has an address and a data
// directory of its own, and knows of the others no more than if it ran elsewhere.
type cluster struct {
	dir         string
	logger      hclog.Logger
	coordinator *member
	shards      []*member
}

// member is a coordinator or a shard that serves.
type member struct {
	address string
	cancel  context.CancelFunc
	ended   chan error
}

// startCluster starts a coordinator and so many shards.
func startCluster(dir string, shards int, logger hclog.Logger) (*cluster, error) {
	c := &cluster{dir: dir, logger: logger, shards: make([]*member, shards)}
	var err error
	if c.coordinator, err = c.startCoordinator(); err != nil {
		return nil, err
	}
	for id := range shards {
		if err := c.startShard(id); err != nil {
			return nil, errors.Join(err, c.stop())
		}
	}
	return c, nil
}

func (c *cluster) startCoordinator() (*member, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	node, err := coordinator.Open(coordinator.Options{
		Directory: filepath.Join(c.dir, "coordinator"),
		Shards:    len(c.shards),
		Logger:    c.logger.Named("coordinator"),
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return serve(listener, node.Serve), nil
}

// startShard starts a shard, on the directory that it had before if there is one.
func (c *cluster) startShard(id int) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	node, err := executor.Open(executor.Options{
		Shard:        protocol.ShardID(id),
		Directory:    filepath.Join(c.dir, fmt.Sprint("shard", id)),
		Coordinators: []string{c.coordinator.address},
		Address:      listener.Addr().String(),
		Machine:      Machine{},
		Logger:       c.logger.Named("shard").With("shard", id),
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	c.shards[id] = serve(listener, node.Serve)
	return nil
}

// stopShard stops a shard, as the end of its process would.
func (c *cluster) stopShard(id int) error {
	m := c.shards[id]
	c.shards[id] = nil
	return m.stop()
}

// stop stops what runs.
func (c *cluster) stop() (err error) {
	for id, m := range c.shards {
		if m != nil {
			err = errors.Join(err, c.stopShard(id))
		}
	}
	return errors.Join(err, c.coordinator.stop())
}

// serve runs a node until it is stopped.
func serve(l net.Listener, node func(context.Context, net.Listener) error) *member {
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{address: l.Addr().String(), cancel: cancel, ended: make(chan error, 1)}
	go func() { m.ended <- node(ctx, l) }()
	return m
}

func (m *member) stop() error {
	m.cancel()
	return <-m.ended
}
