package bench

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/process"
)

const (
	anyPort = "127.0.0.1:0"
	// startTimeout bounds how long a daemon may take to serve.
	startTimeout = 2 * time.Minute
)

// daemon is a process of the cluster, under its name in reports. It has another
// process after it was run again; its methods are for one goroutine at a time.
type daemon struct {
	name string
	dir  string // its data
	args []string
	http string // where it serves HTTP, once it does
	*process.Process
}

// launch adds a daemon to the cluster and starts it.
func (c *cluster) launch(name string, args ...string) (*daemon, error) {
	d := &daemon{name: name, dir: filepath.Join(c.dir, name)}
	d.args = append(args, "--data", d.dir, "--listen", anyPort, "--http", anyPort)
	if err := c.run(d); err != nil {
		return nil, err
	}
	c.daemons = append(c.daemons, d)
	return d, nil
}

// run starts a daemon that does not run, with further flags, and does not wait
// until it serves.
func (c *cluster) run(d *daemon, further ...string) error {
	p, err := c.starter.Start(process.Spec{
		Name: d.name, Executable: c.executable, Log: d.dir + ".log", Lost: c.lost, Args: slices.Concat(d.args, further),
	})
	if err == nil {
		d.Process = p
	}
	return err
}

// shards are the daemons without the coordinator, which is the first.
func (c *cluster) shards() []*daemon { return c.daemons[1:] }

// serving waits until the daemon serves, and gives the address of its API.
func (d *daemon) serving(ctx context.Context) (api string, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	api, d.http, err = d.Listening(ctx)
	return api, err
}
