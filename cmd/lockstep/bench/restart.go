package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// Restart is what it took a cluster to come back after SIGKILL of all its
// processes under load.
type Restart struct {
	Shards    int     `json:"shards"`
	Log       int64   `json:"log_bytes"`      // of all shards, at the kill
	Database  int64   `json:"database_bytes"` // likewise
	Heights   uint64  `json:"heights"`        // the most that a shard had committed and not in its database, seen just before
	Read      float64 `json:"read_s"`         // reading logs and databases once, the second time
	FirstRead float64 `json:"first_read_s"`   // likewise, the first time
	Ready     float64 `json:"ready_s"`        // from the start of the processes until /readyz of each says so
	Ratio     float64 `json:"ratio"`          // Ready / Read
}

const (
	// readyEvery is how often a daemon is asked whether it is ready.
	readyEvery = 2 * time.Millisecond
	// fillTimeout bounds how long the logs may take to get as long as wanted.
	fillTimeout = 15 * time.Minute
	// memoryPerLog is more bytes of memory than a byte of the log stands for.
	memoryPerLog = 64
)

// restart lets the shards go without checkpoints until their logs are as long as
// they are wanted to be, kills all daemons, and starts them again as they usually
// are.
func (b *bench) restart(ctx context.Context, c *cluster, p *prover) (r *Restart, err error) {
	for _, d := range c.shards() {
		if err := b.withoutCheckpoints(ctx, c, d); err != nil {
			return nil, fmt.Errorf("restart %s: %w", d.name, err)
		}
	}
	enough := make(chan struct{})
	filling := load{
		client: c.client, prefix: b.prefix + "/restart", sent: p.sent, ended: enough,
		next: func(i int) (workload.Block, error) { return b.supply.at(i), nil },
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error {
		_, err := filling.run(running, b.options.Pipeline)
		return err
	})
	group.Go(func() (err error) {
		r, err = b.killAndStart(running, c, enough)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("restart the cluster: %w", err)
	}
	if _, err := c.await(ctx, "all shards have caught up", level); err != nil {
		return nil, err
	}
	b.story.Say("the cluster was ready after %.2fs, with logs of %s and databases of %s, which take %.3fs to read", r.Ready, size(r.Log), size(r.Database), r.Read)
	return r, nil
}

// withoutCheckpoints restarts a shard so that it makes none under load.
func (b *bench) withoutCheckpoints(ctx context.Context, c *cluster, d *daemon) error {
	if _, err := d.Stop(stopTimeout); err != nil {
		return err
	}
	most := strconv.FormatInt(memoryPerLog*b.options.RestartLog, 10)
	if err := c.run(d, "--checkpoint-age", "24h", "--checkpoint-bytes", most); err != nil {
		return err
	}
	if err := d.serving(ctx); err != nil {
		return err
	}
	_, err := c.await(ctx, d.name+" is back", level)
	return err
}

func (b *bench) killAndStart(ctx context.Context, c *cluster, enough chan<- struct{}) (*Restart, error) {
	r := &Restart{Shards: len(c.shards())}
	err := b.awaitLogs(ctx, c, r)
	for _, d := range c.shards() {
		if err == nil {
			var heights uint64
			heights, err = behind(ctx, d.pages())
			r.Heights = max(r.Heights, heights)
		}
	}
	close(enough)
	if err != nil {
		return nil, err
	}
	for _, d := range c.daemons {
		d.Kill()
	}
	if err := r.readFiles(c.shards()); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := c.startAll(ctx); err != nil {
		return nil, err
	}
	r.Ready = time.Since(began).Seconds()
	r.Ratio = r.Ready / max(r.Read, 1e-9)
	return r, nil
}

// startAll starts the daemons again, each coordinator at the address that it had,
// and waits until all are ready.
func (c *cluster) startAll(ctx context.Context) error {
	for i, d := range c.daemons {
		var where []string
		if i < c.coordinators {
			where = []string{"--listen", d.api}
		}
		if err := c.run(d, where...); err != nil {
			return err
		}
	}
	for _, d := range c.daemons {
		if err := d.serving(ctx); err != nil {
			return err
		}
		if err := awaitReady(ctx, d.pages()); err != nil {
			return err
		}
	}
	return nil
}

// awaitLogs waits until the logs of the shards have as many bytes as wanted.
func (b *bench) awaitLogs(ctx context.Context, c *cluster, r *Restart) error {
	ctx, cancel := context.WithTimeoutCause(ctx, fillTimeout, fmt.Errorf("the logs did not get to %s within %v", size(b.options.RestartLog), fillTimeout))
	defer cancel()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		r.Log = 0
		for _, d := range c.shards() {
			n, err := bytesIn(filepath.Join(d.dir, "log"))
			if err != nil {
				return err
			}
			r.Log += n
		}
		if r.Log >= b.options.RestartLog {
			return nil
		}
		b.story.Progress("shards go without checkpoints: their logs have %s of %s", size(r.Log), size(b.options.RestartLog))
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// behind gives how many heights a shard has committed above its database.
func behind(ctx context.Context, from pages) (uint64, error) {
	var s report.Shard
	if err := from.ask(ctx, &s); err != nil {
		return 0, err
	}
	return s.CommittedHeight - s.CheckpointedHeight, nil
}

// readFiles reads what the shards read when they start, twice: the first time may
// have to bring it into memory.
func (r *Restart) readFiles(shards []*daemon) error {
	for _, seconds := range []*float64{&r.FirstRead, &r.Read} {
		began := time.Now()
		r.Log, r.Database = 0, 0
		for _, d := range shards {
			log, err := readAll(filepath.Join(d.dir, "log"))
			if err != nil {
				return err
			}
			database, err := readAll(filepath.Join(d.dir, "state.db"))
			if err != nil {
				return err
			}
			r.Log, r.Database = r.Log+log, r.Database+database
		}
		*seconds = time.Since(began).Seconds()
	}
	return nil
}

// bytesIn adds up the lengths of the files of a log, without its reserve. Files
// may come and go meanwhile.
func bytesIn(dir string) (sum int64, err error) {
	err = eachFile(dir, func(path string) error {
		info, err := os.Stat(path)
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}

// readAll reads a file, or the files of a log, once.
func readAll(path string) (sum int64, err error) {
	buffer := make([]byte, 128<<10) // as cat has
	err = eachFile(path, func(path string) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, buffer)
		sum += n
		return errors.Join(err, f.Close())
	})
	return sum, err
}

// eachFile passes over the reserve of a log, and what is gone by the time.
func eachFile(path string, do func(path string) error) error {
	return filepath.WalkDir(path, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != "RESERVE" {
			err = do(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// awaitReady asks a daemon until it says that it is ready.
func awaitReady(ctx context.Context, of pages) error {
	ctx, cancel := context.WithTimeoutCause(ctx, awaitTimeout, fmt.Errorf("it was not ready within %v", awaitTimeout))
	defer cancel()
	ticker := time.NewTicker(readyEvery)
	defer ticker.Stop()
	for {
		response, err := of.get(ctx, "/readyz")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
