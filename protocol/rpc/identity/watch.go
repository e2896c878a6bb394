package identity

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// watchEvery bounds how long a new file, an expired certificate or an authority that
	// was taken away goes unnoticed.
	watchEvery = 5 * time.Second
	// hangsAfter is how long the reading of the files may take before that is told.
	hangsAfter = 15 * time.Second
	// leaveAfter is how long Watch waits in the end for a reading that hangs.
	leaveAfter = time.Second
)

// Rejected says why the files that are there now are not used, but those that were
// read before; "" if they are.
func (i *Identity) Rejected() string {
	if i == nil {
		return ""
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.rejected
}

// reject takes what Rejected says from now on, and reports whether it is news.
func (i *Identity) reject(why string) (news bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	news, i.rejected = why != i.rejected, why
	return news
}

// Watch reloads the files when they change, or at once when again fires, warns before
// they expire, and ends connections whose peers are not to be trusted any more, also
// while the files cannot be read because their disk hangs. It returns when ctx ends; at
// once for a nil Identity.
func (i *Identity) Watch(ctx context.Context, again <-chan struct{}) {
	if i == nil {
		return
	}
	var r reading
	left := make(chan struct{})
	go func() {
		defer close(left)
		i.reread(ctx, &r, again)
	}()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		i.sweep()
		i.warnOfExpiry()
		if took := r.took(time.Now()); took > hangsAfter {
			i.cannotUse(fmt.Errorf("they cannot be read: the disk that they are on hangs"))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	select {
	case <-left:
	case <-time.After(leaveAfter): // nothing ends a reading that hangs
	}
}

// reread reloads the files until ctx ends.
func (i *Identity) reread(ctx context.Context, r *reading, again <-chan struct{}) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		r.since.Store(time.Now().UnixNano())
		i.Reload() //nolint:errcheck // it logs the error, and is asked again at the next tick
		r.since.Store(0)
		select {
		case <-tick.C:
		case <-again:
			i.logger.Info("reads the certificates again, as it was told to")
		case <-ctx.Done():
			return
		}
	}
}

// reading is since when the files are being read.
type reading struct{ since atomic.Int64 } // Unix nanoseconds; 0 while they are not

func (r *reading) took(now time.Time) time.Duration {
	if since := r.since.Load(); since != 0 {
		return now.Sub(time.Unix(0, since))
	}
	return 0
}

// Reload reads the files if they have changed, and ends the connections whose peers
// are not to be trusted any more. Files that cannot be used change nothing: the error,
// which is logged once, says why.
func (i *Identity) Reload() error {
	i.reloading.Lock()
	defer i.reloading.Unlock()
	err := i.reload()
	if err != nil {
		i.cannotUse(err)
	} else {
		i.reject("")
	}
	i.sweep()
	return err
}

func (i *Identity) cannotUse(err error) {
	if i.reject(err.Error()) {
		i.logger.Warn("the new certificates cannot be used, those read before stay in use: mend the files", "directory", i.directory, "error", err)
	}
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
	i.sweeping.Lock()
	defer i.sweeping.Unlock()
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
