package identity

import (
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

	reloading sync.Mutex // while the files are read, which may hang
	loaded    content    // what current was read from

	sweeping sync.Mutex
	warned   map[string]int // days before expiry that were told of last, by file

	mu       sync.Mutex
	rejected string // why what was read last is not used; "" if it is
	open     map[*held]struct{}
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
