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

// Restart is what it took a shard to come back after SIGKILL under load.
type Restart struct {
	Shard     string  `json:"shard"`
	Log       int64   `json:"log_bytes"`      // at the kill
	Database  int64   `json:"database_bytes"` // likewise
	Heights   uint64  `json:"heights"`        // committed and not in the database, seen just before the kill
	Read      float64 `json:"read_s"`         // reading log and database once, the second time
	FirstRead float64 `json:"first_read_s"`   // likewise, the first time
	Ready     float64 `json:"ready_s"`        // from the start of the process until /readyz says so
	Ratio     float64 `json:"ratio"`          // Ready / Read
}

const (
	// readyEvery is how often a shard is asked whether it is ready.
	readyEvery = 2 * time.Millisecond
	// fillTimeout bounds how long the log may take to get as long as wanted.
	fillTimeout = 15 * time.Minute
	// memoryPerLog is more bytes of memory than a byte of the log stands for.
	memoryPerLog = 64
)

// restart lets one shard go without checkpoints until its log is as long as it
// is wanted to be, kills it, and starts it again as it usually is.
func (b *bench) restart(ctx context.Context, c *cluster, p *prover) (r *Restart, err error) {
	d := c.daemons[1]
	if err := b.withoutCheckpoints(ctx, c, d); err != nil {
		return nil, err
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
		r, err = b.killAndStart(running, c, d, enough)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("restart %s: %w", d.name, err)
	}
	if _, err := c.await(ctx, d.name+" has caught up", level); err != nil {
		return nil, err
	}
	b.story.Say("%s was ready after %.2fs, with a log of %s and a database of %s, which take %.3fs to read", r.Shard, r.Ready, size(r.Log), size(r.Database), r.Read)
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
	if _, err := d.serving(ctx); err != nil {
		return err
	}
	_, err := c.await(ctx, d.name+" is back", level)
	return err
}

func (b *bench) killAndStart(ctx context.Context, c *cluster, d *daemon, enough chan<- struct{}) (*Restart, error) {
	r := &Restart{Shard: d.name}
	err := b.awaitLog(ctx, d, r)
	if err == nil {
		r.Heights, err = behind(ctx, d.http)
	}
	close(enough)
	if err != nil {
		return nil, err
	}
	d.Kill()
	if err := r.readFiles(d.dir); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := c.run(d); err != nil {
		return nil, err
	}
	if _, err := d.serving(ctx); err != nil {
		return nil, err
	}
	if err := awaitReady(ctx, d.http); err != nil {
		return nil, err
	}
	r.Ready = time.Since(began).Seconds()
	r.Ratio = r.Ready / max(r.Read, 1e-9)
	return r, nil
}

// awaitLog waits until the log of a shard has as many bytes as wanted.
func (b *bench) awaitLog(ctx context.Context, d *daemon, r *Restart) error {
	ctx, cancel := context.WithTimeoutCause(ctx, fillTimeout, fmt.Errorf("its log did not get to %s within %v", size(b.options.RestartLog), fillTimeout))
	defer cancel()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		n, err := bytesIn(filepath.Join(d.dir, "log"))
		if err != nil {
			return err
		}
		if r.Log = n; n >= b.options.RestartLog {
			return nil
		}
		b.story.Progress("%s goes without checkpoints: its log has %s of %s", d.name, size(n), size(b.options.RestartLog))
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// behind gives how many heights a shard has committed above its database.
func behind(ctx context.Context, address string) (uint64, error) {
	var s report.Shard
	if err := ask(ctx, address, &s); err != nil {
		return 0, err
	}
	return s.CommittedHeight - s.CheckpointedHeight, nil
}

// readFiles reads what a shard reads when it starts, twice: the first time may
// have to bring it into memory.
func (r *Restart) readFiles(dir string) error {
	for _, seconds := range []*float64{&r.FirstRead, &r.Read} {
		began := time.Now()
		var err error
		if r.Log, err = readAll(filepath.Join(dir, "log")); err != nil {
			return err
		}
		if r.Database, err = readAll(filepath.Join(dir, "state.db")); err != nil {
			return err
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
func awaitReady(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, awaitTimeout, fmt.Errorf("it was not ready within %v", awaitTimeout))
	defer cancel()
	ticker := time.NewTicker(readyEvery)
	defer ticker.Stop()
	for {
		response, err := get(ctx, address, "/readyz")
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
