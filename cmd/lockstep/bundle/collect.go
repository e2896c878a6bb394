package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

const (
	// defaultPatience is for daemons that are slow, but not dead.
	defaultPatience = 10 * time.Second
	// mostNodes is how many daemons are asked at once; each part of each is held in
	// memory while it comes.
	mostNodes = 4
)

// Target is a daemon to ask.
type Target struct {
	Name    string // such as "coordinator-c1"
	Address string // HOST:PORT; "" if it is not known
	// Secure proves who asks, and who is asked; nil for plaintext.
	Secure grpc.DialOption
}

// Options say what to collect.
type Options struct {
	Targets []Target
	// Measure is how long processor and locks of each daemon are measured.
	Measure time.Duration
	// Patience bounds each part, beside the time that it is measured; 0 means 10 s.
	Patience time.Duration
	By       cli.Build
	// Missing is what is known not to be there, for the manifest.
	Missing []string
	// Extra are values for files of their own, by the name of the file.
	Extra map[string]any
}

// parts are what every daemon is asked for, and the files they become, in the
// order in which they come: what is cheap first.
var parts = []struct {
	name, file string
	measured   bool
}{
	{"version", "version.json", false},
	{"readiness", "readiness.txt", false},
	{"status", "status.json", false},
	{"settings", "settings.json", false},
	{"environment", "environment.json", false},
	{"machine", "machine.json", false},
	{"files", "files.json", false},
	{"metrics", "metrics.txt", false},
	{"log", "log.txt", false},
	{"goroutine", "goroutine.txt", false},
	{"heap", "heap.pb.gz", false},
	{"cpu", "cpu.pb.gz", true},
	{"mutex", "mutex.pb.gz", true},
}

// Collect writes a bundle to w. An error means that it could not be written, or
// that ctx has ended; daemons that do not answer are lines of the manifest.
func Collect(ctx context.Context, w io.Writer, o Options) (Manifest, error) {
	m := Manifest{Made: time.Now().UTC(), By: o.By, Missing: append([]string{}, o.Missing...), Nodes: make([]Node, len(o.Targets))}
	a := newArchive(w, m.Made)
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	var group errgroup.Group
	group.SetLimit(mostNodes)
	for i, t := range o.Targets {
		group.Go(func() (err error) {
			m.Nodes[i], err = collectNode(ctx, a, t, fmt.Sprintf("%02d-%s", i, folder(t.Name)), o)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return m, err
	}
	if ctx.Err() != nil {
		return m, fmt.Errorf("interrupted: %w", ctx.Err())
	}
	names := make([]string, 0, len(o.Extra))
	for name := range o.Extra {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := a.addJSON(name, o.Extra[name]); err != nil {
			return m, err
		}
	}
	if err := a.addJSON("manifest.json", m); err != nil {
		return m, err
	}
	return m, a.close()
}

// collectNode asks one daemon. When it turns out not to answer, what is left is
// not waited for.
func collectNode(ctx context.Context, a *archive, t Target, folder string, o Options) (Node, error) {
	n := Node{Name: t.Name, Address: t.Address, Parts: make([]Part, len(parts))}
	d, silent := dial(t)
	defer d.close()
	for i, p := range parts {
		n.Parts[i] = Part{Name: p.name}
		if silent != nil {
			n.Parts[i].Error = cli.Sentence(silent)
			continue
		}
		seconds := time.Duration(0)
		if p.measured {
			seconds = o.Measure
		}
		began := time.Now()
		content, err := d.part(ctx, p.name, seconds, o.Patience)
		n.Parts[i].Ms = time.Since(began).Milliseconds()
		var gone goneError
		if errors.As(err, &gone) {
			silent = gone
		}
		if err == nil {
			file := path.Join(folder, p.file)
			if err = a.addPart(file, content); err != nil && !errors.Is(err, errFull) {
				return n, err
			}
			if err == nil {
				n.Parts[i].File, n.Parts[i].Bytes = file, len(content)
			}
		}
		if err != nil {
			n.Parts[i].Error = cli.Sentence(err)
		}
	}
	return n, nil
}
