package bench

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// launchAll starts the coordinators and the shards of a new cluster.
func (c *cluster) launchAll(ctx context.Context, shards int) error {
	addresses, err := c.launchCoordinators(ctx, shards)
	if err != nil {
		return err
	}
	for i := range shards {
		if _, err := c.launch("shard"+strconv.Itoa(i), anyPort, identity.Shard, strconv.Itoa(i), "shard", "--id", strconv.Itoa(i), "--coordinator", addresses); err != nil {
			return err
		}
	}
	c.client, err = client.NewCoordinatorAs(c.certs.Client(), addresses)
	return err
}

// launchCoordinators gives the addresses of the coordinators, once they serve.
func (c *cluster) launchCoordinators(ctx context.Context, shards int) (addresses string, err error) {
	if c.coordinators == 1 {
		return c.launchCoordinator(ctx, "coordinator", replica.DefaultName, anyPort, shards)
	}
	free, err := freeAddresses(c.coordinators)
	if err != nil {
		return "", err
	}
	var peers []string
	for i, address := range free {
		peers = append(peers, fmt.Sprintf("c%d=%s", i+1, address))
	}
	for i, address := range free {
		name := strconv.Itoa(i + 1)
		if _, err := c.launchCoordinator(ctx, "coordinator"+name, "c"+name, address, shards, "--name", "c"+name, "--peers", strings.Join(peers, ",")); err != nil {
			return "", err
		}
	}
	return strings.Join(free, ","), nil
}

// launchCoordinator gives the address of a coordinator, once it serves. as is its name
// among the coordinators.
func (c *cluster) launchCoordinator(ctx context.Context, name, as, listen string, shards int, args ...string) (address string, err error) {
	d, err := c.launch(name, listen, identity.Coordinator, as, append([]string{"coordinator", "--shards", strconv.Itoa(shards)}, args...)...)
	if err != nil {
		return "", err
	}
	if err := d.serving(ctx); err != nil {
		return "", err
	}
	return d.api, nil
}

// freeAddresses gives different addresses of this machine at which nobody listens.
// A coordinator that finds its own taken meanwhile says so and ends.
func freeAddresses(n int) (all []string, err error) {
	for range n {
		listener, err := net.Listen("tcp", anyPort)
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close()
		all = append(all, listener.Addr().String())
	}
	return all, nil
}

// launch adds a daemon to the cluster and starts it.
func (c *cluster) launch(name, listen string, role identity.Role, id string, args ...string) (*daemon, error) {
	secured, err := c.certs.Flags(role, id)
	if err != nil {
		return nil, err
	}
	d := &daemon{name: name, dir: filepath.Join(c.dir, name), certs: c.certs}
	d.args = append(append(args, "--data", d.dir, "--listen", listen, "--http", anyPort), secured...)
	if err := c.run(d); err != nil {
		return nil, err
	}
	c.daemons = append(c.daemons, d)
	return d, nil
}
