package identity_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/connectivity"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity/identitytest"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestNames(t *testing.T) {
	for _, good := range []string{"lockstep://prod/shard/0", "lockstep://a-1/shard/1023", "lockstep://prod/coordinator/c1", "lockstep://prod/client/billing.v2_x"} {
		n, err := identity.ParseName(good)
		if err != nil || n.String() != good {
			t.Errorf("%s is read as %v, %v", good, n, err)
		}
	}
	for _, bad := range []string{
		"", "lockstep://", "lockstep://prod/shard", "lockstep://prod/shard/", "lockstep://prod/shard/01", "lockstep://prod/shard/-1", "lockstep://prod/shard/x",
		"lockstep://prod/shard/1/2", "lockstep://prod/shard/1?a=b", "lockstep://PROD/shard/1", "lockstep://prod:1/shard/1", "lockstep://me@prod/shard/1",
		"lockstep://pr.od/shard/1", "https://prod/shard/1", "lockstep://prod/god/x", "lockstep://prod/client/%2e", "lockstep://prod/client/a b", "lockstep://prod/client/.x",
		"lockstep://prod/client/" + strings.Repeat("a", 129),
	} {
		if n, err := identity.ParseName(bad); err == nil {
			t.Errorf("%q is read as %v", bad, n)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("lockstep://prod/shard/3")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := identity.ParseName(text); err == nil && n.String() != text {
			t.Errorf("%q is read as %s", text, n)
		}
	})
}

func TestFilesAreSecretAndNeverOverwritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := identity.WriteFiles(dir, identity.File{Name: "a", Content: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	if err := identity.WriteFiles(dir, identity.File{Name: "b", Content: []byte("2")}, identity.File{Name: "a", Content: []byte("2")}); err == nil {
		t.Error("a file was overwritten")
	}
	if _, err := os.Stat(filepath.Join(dir, "b")); err == nil {
		t.Error("a part was written")
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, filepath.Join(dir, "a"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestBadFilesAreSentences(t *testing.T) {
	c := identitytest.New(t)
	other := identitytest.New(t)
	good := c.Between(identity.Shard, "1", time.Now(), time.Now().Add(day))
	foreign := other.Between(identity.Shard, "1", time.Now(), time.Now().Add(day))
	past := c.Between(identity.Shard, "1", time.Now().Add(-2*day), time.Now().Add(-day))
	for what, test := range map[string]struct {
		files []identity.File
		says  string
	}{
		"nothing":          {nil, "no such file"},
		"another key":      {identity.Issued{Certificate: good.Certificate, Key: foreign.Key}.Files(c.Files.Certificate), "do not make a pair"},
		"another CA":       {foreign.Files(c.Files.Certificate), "comes from an authority that is not in ca.crt"},
		"expired":          {past.Files(c.Files.Certificate), "expired at"},
		"rubbish":          {good.Files([]byte("rubbish")), "ca.crt: it is no certificate"},
		"rubbish behind":   {good.Files(append(bytes.Clone(c.Files.Certificate), "rubbish"...)), "ca.crt: it is no certificate"},
		"leaf as CA":       {good.Files(good.Certificate), "is no authority"},
		"key as CA":        {good.Files(good.Key), "where certificates are expected"},
		"too much":         {good.Files(make([]byte, 1<<20)), "is it a certificate"},
		"CA's certificate": {c.Files.Files(c.Files.Certificate), "0 URIs"},
	} {
		dir := t.TempDir()
		if err := identity.WriteFiles(dir, test.files...); err != nil {
			t.Fatal(err)
		}
		if _, err := identity.Open(dir, identity.Options{}); err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", what, err, test.says)
		}
	}
}

// replace puts other files in the place of those of an identity.
func replace(t *testing.T, dir string, files ...identity.File) {
	t.Helper()
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestBadNewFilesChangeNothing(t *testing.T) {
	c := identitytest.New(t)
	dir := c.Directory(identity.Shard, "1")
	var out buffer
	i := identitytest.Open(t, dir, identity.Options{Logger: log(&out)})
	before := i.Expiries()[0].At
	elsewhere := c.Between(identity.Shard, "2", time.Now(), time.Now().Add(3*day))
	newer := c.Between(identity.Shard, "1", time.Now(), time.Now().Add(2*day))
	for _, files := range [][]identity.File{
		{{Name: identity.CertificateFile, Content: []byte("half a cert")}},
		{{Name: identity.CertificateFile, Content: newer.Certificate}}, // the key follows later
		elsewhere.Files(c.Files.Certificate),
	} {
		replace(t, dir, files...)
		for range 3 {
			if err := i.Reload(); err == nil || i.Rejected() == "" {
				t.Errorf("bad files are taken: %v", err)
			}
		}
		if i.Expiries()[0].At != before {
			t.Error("bad files are in use")
		}
	}
	if n := strings.Count(out.String(), "cannot be used"); n != 3 {
		t.Errorf("%d warnings, want one each:\n%s", n, out.String())
	}
	replace(t, dir, newer.Files(c.Files.Certificate)...)
	if err := i.Reload(); err != nil || i.Rejected() != "" || !i.Expiries()[0].At.After(before) {
		t.Errorf("good files are not in use: %v, %q", err, i.Rejected())
	}
}

// Whoever is told to looks at once, and stops when it is told to.
func TestWatchLooksWhenItIsTold(t *testing.T) {
	c := identitytest.New(t)
	dir := c.Directory(identity.Shard, "1")
	i := identitytest.Open(t, dir, identity.Options{})
	before := i.Expiries()[0].At
	ctx, cancel := context.WithCancel(t.Context())
	again, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		i.Watch(ctx, again)
	}()
	again <- struct{}{} // it has looked once by now
	replace(t, dir, c.Between(identity.Shard, "1", time.Now(), time.Now().Add(3*day)).Files(c.Files.Certificate)...)
	again <- struct{}{}
	again <- struct{}{} // the look before has ended
	if !i.Expiries()[0].At.After(before) {
		t.Error("the new certificate is not in use")
	}
	cancel()
	<-ended
	(*identity.Identity)(nil).Watch(t.Context(), nil) // returns
}

// An authority is replaced while connections stand, by way of both; and once the old one
// is gone, so are those that it vouched for.
func TestAuthoritiesAreReplacedWithoutRestart(t *testing.T) {
	old, next := identitytest.New(t), identitytest.New(t)
	serverDir := old.Directory(identity.Coordinator, "c1")
	server := identitytest.Open(t, serverDir, identity.Options{})
	address := serveAll(t, server)
	client := old.Open(identity.Client, "app")
	conn := dial(t, address, client.Expecting(identity.Coordinator, ""))
	const here = wirepb.ClusterService_Here_FullMethodName
	wantReached(t, call(t, conn, here))

	both := append(bytes.Clone(old.Files.Certificate), next.Files.Certificate...)
	replace(t, serverDir, identity.File{Name: identity.AuthorityFile, Content: both})
	if err := server.Reload(); err != nil {
		t.Fatal(err)
	}
	if conn.GetState() != connectivity.Ready {
		t.Error("a connection has ended though its authority is still there")
	}
	issued := next.Between(identity.Client, "app", time.Now(), time.Now().Add(day))
	nextDir := identitytest.Write(t, issued, both)
	renewed := dial(t, address, identitytest.Open(t, nextDir, identity.Options{}).Expecting(identity.Coordinator, ""))
	wantReached(t, call(t, renewed, here))
	replace(t, serverDir, next.Between(identity.Coordinator, "c1", time.Now(), time.Now().Add(day)).Files(next.Files.Certificate)...)
	if err := server.Reload(); err != nil {
		t.Fatal(err)
	}
	awaitState(t, conn, connectivity.Ready, false)
	if err := call(t, conn, here); !strings.Contains(sentence(err), "authority") {
		t.Errorf("the old authority still counts: %v", err)
	}
	wantReached(t, call(t, renewed, here))
}

func wantReached(t *testing.T, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "not implemented") {
		t.Errorf("not reached: %v", err)
	}
}

// awaitState waits until a connection is in a state, or not.
func awaitState(t *testing.T, c interface{ GetState() connectivity.State }, state connectivity.State, in bool) {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); (c.GetState() == state) != in; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("the connection is %v", c.GetState())
		}
	}
}

// A connection does not outlive the certificate of its peer, on either side.
func TestExpiryEndsConnections(t *testing.T) {
	for _, side := range []string{"server", "client"} {
		c := identitytest.New(t)
		var ahead atomic.Int64 // of the clock of the side that looks
		clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		none := time.Now
		serverClock, clientClock := none, clock
		if side == "server" {
			serverClock, clientClock = clock, none
		}
		server := identitytest.Open(t, c.Directory(identity.Coordinator, "c1"), identity.Options{Now: serverClock})
		client := identitytest.Open(t, c.Directory(identity.Client, "app"), identity.Options{Now: clientClock})
		conn := dial(t, serveAll(t, server), client.Expecting(identity.Coordinator, ""))
		wantReached(t, call(t, conn, wirepb.ClusterService_Here_FullMethodName))
		looks := map[string]*identity.Identity{"server": server, "client": client}[side]
		if err := looks.Reload(); err != nil || conn.GetState() != connectivity.Ready {
			t.Fatalf("%s: %v, %v", side, err, conn.GetState())
		}
		ahead.Store(int64(2 * day))
		looks.Reload()
		awaitState(t, conn, connectivity.Ready, false)
	}
}

func TestExpiryIsToldOnceAtEachStep(t *testing.T) {
	c := identitytest.New(t)
	issued := c.Between(identity.Viewer, "eye", time.Now(), time.Now().Add(40*day))
	dir := identitytest.Write(t, issued, c.Files.Certificate)
	var ahead time.Duration
	var out buffer
	i := identitytest.Open(t, dir, identity.Options{Logger: log(&out), Now: func() time.Time { return time.Now().Add(ahead) }})
	for _, test := range []struct {
		after time.Duration
		told  int
	}{{0, 0}, {11 * day, 1}, {12 * day, 1}, {34 * day, 2}, {39*day + 12*time.Hour, 3}, {41 * day, 3}} {
		ahead = test.after
		for range 2 {
			i.WarnOfExpiry()
		}
		if n := strings.Count(out.String(), "file=tls.crt"); n != test.told {
			t.Errorf("after %v: told %d times, want %d", test.after, n, test.told)
		}
	}
}
