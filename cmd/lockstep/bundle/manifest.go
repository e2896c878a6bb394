package bundle

import (
	"cmp"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

// Manifest says what is in a bundle, and what is not.
type Manifest struct {
	Made  time.Time `json:"made"`
	By    cli.Build `json:"by"`
	Nodes []Node    `json:"nodes"`
	// Missing are the daemons that could not be asked, since nobody knows where
	// they are, and what else is not there.
	Missing []string `json:"missing"`
}

// Node is what one daemon told.
type Node struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Parts   []Part `json:"parts"`
}

// Part is one thing that a daemon was asked for.
type Part struct {
	Name  string `json:"name"`
	File  string `json:"file,omitempty"` // in the bundle; "" if it is not there
	Bytes int    `json:"bytes"`
	Ms    int64  `json:"ms"` // how long it took
	// Error is why it is not there, one sentence; "" if it is.
	Error string `json:"error,omitempty"`
}

// Have counts the parts that are there.
func (n Node) Have() (have int) {
	for _, p := range n.Parts {
		if p.Error == "" {
			have++
		}
	}
	return have
}

// Why says why parts are not there, or all of them; "" if none is missing.
func (n Node) Why() string {
	var missing []string
	why := ""
	for _, p := range n.Parts {
		if p.Error != "" {
			missing = append(missing, p.Name)
			why = cmp.Or(why, p.Error)
		}
	}
	switch len(missing) {
	case 0:
		return ""
	case len(n.Parts):
		return why
	}
	return strings.Join(missing, ", ") + ": " + why
}

// folder makes a name fit for a folder, whoever chose it.
func folder(name string) string {
	const most = 64
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, name[:min(len(name), most)])
}
