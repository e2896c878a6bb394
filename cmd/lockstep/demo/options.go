package demo

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

// Options say what to show. All but Input, Directory and HTTP are needed.
type Options struct {
	Executable string // the binary that has the coordinator and shard commands
	Shards     int
	// Coordinators is how many there are; 0 means one.
	Coordinators int
	Accounts     int
	Seed         uint64
	BlockSize    int           // transactions of a generated block
	Clients      int           // that submit at the same time
	Load         time.Duration // how long the healthy load goes on
	Input        string        // transaction file in place of generated load; "" for none
	Directory    string        // "" for a temporary one
	HTTP         string        // address of the (first) coordinator's dashboard; "" for any
	TLS          bool          // everybody proves who it is
	JSON         bool          // results as JSON lines on Out, the story on Err
	Out, Err     io.Writer
}

// several reports whether there is more than one coordinator.
func (o Options) several() bool { return o.Coordinators > 1 }

// Places inside a demo's directory.
const (
	coordinatorFolder = "coordinator" // and the number, if there are several
	shardFolder       = "shard"       // and the number
	logsFolder        = "logs"
	tlsFolder         = "tls"
)

// workspace is the directory of a demo.
type workspace struct {
	dir       string
	temporary bool
}

// newWorkspace makes the directory, or takes an empty one.
func newWorkspace(dir string) (w workspace, err error) {
	if dir == "" {
		w.temporary = true
		w.dir, err = os.MkdirTemp("", "lockstep-demo-")
	} else {
		w.dir, err = filepath.Abs(dir)
		err = errors.Join(err, empty(w.dir))
	}
	if err != nil {
		return w, err
	}
	return w, os.MkdirAll(filepath.Join(w.dir, logsFolder), 0o700)
}

// empty refuses a directory that has something in it.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return cli.Usage(err)
	case len(entries) > 0:
		return cli.Usagef("--data: %s is not empty: give another directory, or --verify-only to prove a demo again that ran there", dir)
	}
	return nil
}

func (w workspace) path(name string) string { return filepath.Join(w.dir, name) }
func (w workspace) log(name string) string  { return filepath.Join(w.dir, logsFolder, name+".log") }

// clean removes a temporary directory.
func (w workspace) clean() error {
	if !w.temporary {
		return nil
	}
	return os.RemoveAll(w.dir)
}
