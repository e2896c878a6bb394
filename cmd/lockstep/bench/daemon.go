package bench

import (
	"context"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/certset"
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
	// certs are those of the cluster; nil for plaintext.
	certs *certset.Set
	// Where it serves, once it does: its API, and HTTP.
	api, http string
	*process.Process
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

// shards are the daemons without the coordinators, which come first.
func (c *cluster) shards() []*daemon { return c.daemons[c.coordinators:] }

// pages are what the daemon tells over HTTP.
func (d *daemon) pages() pages { return pages{d.http, d.certs} }

// serving waits until the daemon serves.
func (d *daemon) serving(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	d.api, d.http, err = d.Listening(ctx)
	return err
}
