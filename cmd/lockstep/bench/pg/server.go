package pg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
)

const (
	// startTimeout bounds how long the server may take to serve, and stopTimeout
	// to end.
	startTimeout = time.Minute
	stopTimeout  = 10 * time.Second
	// tryEvery is how often it is tried.
	tryEvery = 50 * time.Millisecond
	// mostSocketPath is what fits into the address of a Unix socket.
	mostSocketPath = 100
	superuser      = "postgres"
	// spareConnections are for everything but the load.
	spareConnections = 10
)

// Server is a PostgreSQL of our own.
type Server struct {
	dir     string // data, socket and log are below it
	command *exec.Cmd
	started chan error    // the result of starting
	ended   chan struct{} // closed when it has ended
}

// Start makes a new server in an empty directory, for so many connections and
// prepared transactions at once, and waits until it serves. Close it.
func Start(ctx context.Context, in Installation, dir string, connections int) (*Server, error) {
	if len(dir) > mostSocketPath {
		return nil, fmt.Errorf("the path %s is too long for the socket of PostgreSQL: give --data a shorter one", dir)
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	if err := handOver(dir, as); err != nil {
		return nil, fmt.Errorf("give %s to the user that PostgreSQL runs as: %w", dir, err)
	}
	s := &Server{dir: dir, started: make(chan error, 1), ended: make(chan struct{})}
	initdb := exec.CommandContext(ctx, in.Initdb, "-D", s.data(), "-U", superuser, "-A", "trust", "-E", "UTF8", "--no-locale")
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make the data directory of PostgreSQL: %w: %s", err, lastLine(out))
	}
	s.command = exec.Command(in.Postgres, settings(s.data(), dir, connections)...)
	s.command.Dir, s.command.SysProcAttr = dir, attributes(as)
	return s, s.start(ctx)
}

// settings are the defaults but for connections, and memory for the accounts,
// which the operating system would have to keep otherwise.
func settings(data, socket string, connections int) []string {
	most := strconv.Itoa(connections + spareConnections)
	return []string{
		"-D", data, "-k", socket, "-c", "listen_addresses=",
		"-c", "max_connections=" + most, "-c", "max_prepared_transactions=" + most,
		"-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB",
	}
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }
func (s *Server) log() string  { return filepath.Join(s.dir, "log") }

// start runs the server from a thread that stays until it has ended, because
// the system ends it with that thread.
func (s *Server) start(ctx context.Context) error {
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor, and this one writes nothing
	s.command.Stdout, s.command.Stderr = log, log
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(s.ended)
		err := s.command.Start()
		s.started <- err
		if err == nil {
			_ = s.command.Wait() // how it ends says nothing: it is told to
		}
	}()
	if err := <-s.started; err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	if err := s.await(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

// await waits until the server takes connections.
func (s *Server) await(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(tryEvery)
	defer ticker.Stop()
	for {
		c, err := s.connect(bounded, superuser)
		if err == nil {
			return c.Close(bounded)
		}
		select {
		case <-ticker.C:
		case <-s.ended:
			text, _ := os.ReadFile(s.log()) // without it there is less to say
			return fmt.Errorf("PostgreSQL ended before it served: %s", lastLine(text))
		case <-bounded.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("PostgreSQL does not serve after %v: %w", startTimeout, err)
		}
	}
}

func (s *Server) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("sslmode=disable user=" + superuser)
	if err != nil {
		return nil, err
	}
	config.Host, config.Database, config.Port, config.Fallbacks = s.dir, database, 5432, nil
	return pgx.ConnectConfig(ctx, config)
}

// Usage is what the server and all its processes have used.
func (s *Server) Usage() (measure.Usage, error) { return measure.Tree(s.command.Process.Pid) }

// Close ends the server at once; its data is not needed any more.
func (s *Server) Close() error {
	_ = s.command.Process.Signal(syscall.SIGQUIT) // it fails only if it has ended
	late := time.NewTimer(stopTimeout)
	defer late.Stop()
	select {
	case <-s.ended:
		return nil
	case <-late.C:
	}
	_ = s.command.Process.Kill() // likewise
	<-s.ended
	return fmt.Errorf("PostgreSQL did not end within %v and was killed", stopTimeout)
}

func lastLine(text []byte) string {
	lines := strings.Split(string(bytes.TrimSpace(text)), "\n")
	return lines[len(lines)-1]
}
