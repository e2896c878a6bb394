package identity

import (
	"context"
	"crypto/x509"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Options configures an Identity. The zero value is usable.
type Options struct {
	Logger hclog.Logger     // nil logs nothing
	Now    func() time.Time // nil is time.Now
}

// Identity is who this process is, whom it trusts, and the connections that it has
// with others. It is safe for concurrent use. Nil stands for plaintext.
type Identity struct {
	directory string
	logger    hclog.Logger
	now       func() time.Time
	current   atomic.Pointer[material]
	refusals  *refusals

	reloading sync.Mutex
	loaded    content        // what current was read from
	rejected  string         // why what was read last is not used; "" if it is
	warned    map[string]int // days before expiry that were told of last, by file

	mu   sync.Mutex
	open map[*held]struct{}
}

// Open reads an identity from the files of a folder.
func Open(directory string, o Options) (*Identity, error) {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	i := &Identity{
		directory: directory, logger: o.Logger, now: o.Now, refusals: newRefusals(o.Logger, o.Now),
		warned: map[string]int{}, open: map[*held]struct{}{},
	}
	read, err := readContent(directory)
	if err != nil {
		return nil, fmt.Errorf("read the identity: %w: give --tls a folder with %s, %s and %s", err, CertificateFile, KeyFile, AuthorityFile)
	}
	m, err := parse(read, i.now())
	if err != nil {
		return nil, fmt.Errorf("the identity in %s cannot be used: %w", directory, err)
	}
	i.loaded = read
	i.current.Store(m)
	return i, nil
}

// Name is who this process is; zero for a nil Identity.
func (i *Identity) Name() Name {
	if i == nil {
		return Name{}
	}
	return i.current.Load().name
}

// Must checks that this process may be who it is about to be.
func (i *Identity) Must(role Role, id string) error {
	if i == nil {
		return nil
	}
	if name := i.Name(); name.Role != role || name.ID != id {
		return fmt.Errorf("the certificate in %s is that of %s, and cannot serve %s %s: give its own with --tls", i.directory, name, role, id)
	}
	return nil
}

// Refused counts who was refused, by reason, for each reason that there is; nil for a
// nil Identity.
func (i *Identity) Refused() map[Reason]uint64 {
	if i == nil {
		return nil
	}
	return i.refusals.counts()
}

// Expiry is until when a file is good.
type Expiry struct {
	File string
	At   time.Time
	Left time.Duration // below 0 once it is over
}

// Expiries gives until when each file is good: the first of its certificates to expire
// counts. None for a nil Identity.
func (i *Identity) Expiries() []Expiry {
	if i == nil {
		return nil
	}
	m, now := i.current.Load(), i.now()
	certificate := m.certificate.Leaf.NotAfter
	authority := earliest(m.authorities)
	return []Expiry{
		{CertificateFile, certificate, certificate.Sub(now)},
		{AuthorityFile, authority, authority.Sub(now)},
	}
}

func earliest(list []*x509.Certificate) time.Time {
	at := list[0].NotAfter
	for _, c := range list {
		if c.NotAfter.Before(at) {
			at = c.NotAfter
		}
	}
	return at
}

// Rejected says why the files that are there now are not used, but those that were
// read before; "" if they are.
func (i *Identity) Rejected() string {
	if i == nil {
		return ""
	}
	i.reloading.Lock()
	defer i.reloading.Unlock()
	return i.rejected
}

// watchEvery bounds how long a new file, an expired certificate or an authority that
// was taken away goes unnoticed.
const watchEvery = 5 * time.Second

// Watch reloads the files when they change, or at once when again fires, warns before
// they expire, and ends connections whose peers are not to be trusted any more. It
// returns when ctx ends; at once for a nil Identity.
func (i *Identity) Watch(ctx context.Context, again <-chan struct{}) {
	if i == nil {
		return
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		i.Reload() //nolint:errcheck // it logs the error, and is asked again at the next tick
		i.warnOfExpiry()
		select {
		case <-tick.C:
		case <-again:
			i.logger.Info("reads the certificates again, as it was told to")
		case <-ctx.Done():
			return
		}
	}
}

// Reload reads the files if they have changed, and ends the connections whose peers
// are not to be trusted any more. Files that cannot be used change nothing: the error,
// which is logged once, says why.
func (i *Identity) Reload() error {
	i.reloading.Lock()
	defer i.reloading.Unlock()
	err := i.reload()
	switch {
	case err == nil:
		i.rejected = ""
	case err.Error() != i.rejected:
		i.rejected = err.Error()
		i.logger.Warn("the new certificates cannot be used, those read before stay in use: mend the files", "directory", i.directory, "error", err)
	}
	i.sweep()
	return err
}

func (i *Identity) reload() error {
	read, err := readContent(i.directory)
	if err != nil || read.same(i.loaded) {
		return err
	}
	m, err := parse(read, i.now())
	if err != nil {
		return err
	}
	if old := i.current.Load().name; m.name != old {
		return fmt.Errorf("%s is that of %s, and this process is %s: stop it to make it another", CertificateFile, m.name, old)
	}
	i.loaded = read
	i.current.Store(m)
	i.logger.Info("took new certificates", "identity", m.name.String(), "expires", m.certificate.Leaf.NotAfter, "authorities", len(m.authorities))
	return nil
}

// warnDays is how many days before a file expires that is said.
var warnDays = []int{1, 7, 30} // ascending

// warnOfExpiry warns once for each of them.
func (i *Identity) warnOfExpiry() {
	i.reloading.Lock()
	defer i.reloading.Unlock()
	for _, e := range i.Expiries() {
		near := 0
		for _, days := range warnDays {
			if e.Left <= time.Duration(days)*24*time.Hour {
				near = days
				break
			}
		}
		if near != 0 && near != i.warned[e.File] {
			i.logger.Warn("a certificate expires soon: issue a new one", "file", e.File, "directory", i.directory, "expires", e.At, "left", e.Left.Round(time.Minute))
		}
		i.warned[e.File] = near
	}
}
