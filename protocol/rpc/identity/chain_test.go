package identity_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity/identitytest"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// padded is the certificate of a viewer with n others behind it that lead nowhere.
func padded(t *testing.T, c *identitytest.Authority, n int) tls.Certificate {
	pair := keyPair(t, c.Between(identity.Viewer, "eye", time.Now().Add(-day), time.Now().Add(day)))
	for range n {
		pair.Certificate = append(pair.Certificate, newUnbound(t).certificate.Raw)
	}
	return pair
}

// Somebody who shows a hundred certificates would have all of their signatures checked.
func TestLongChainsAreNotLookedAt(t *testing.T) {
	c := identitytest.New(t)
	server := c.Open(identity.Coordinator, "c1")
	address, pages := serveAll(t, server), servePages(t, server, false)
	for n, good := range map[int]bool{0: true, 3: true, 4: false, 100: false} {
		config := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{padded(t, c, n)}}
		want := http.StatusOK
		if !good {
			want = http.StatusUnauthorized
		}
		if code, body := get(t, pages.URL+"/status", config); code != want || !good && !strings.Contains(body, "at most 3 are looked at") {
			t.Errorf("with %d certificates behind its own, somebody gets %d %q", n, code, body)
		}
		config.NextProtos = []string{"h2"}
		err := call(t, dial(t, address, grpc.WithTransportCredentials(credentials.NewTLS(config))), wirepb.ClusterService_Here_FullMethodName)
		if reached := strings.Contains(sentence(err), "not implemented"); reached != good {
			t.Errorf("with %d certificates behind its own, somebody is answered %v", n, err)
		}
	}
}

// A peer that was looked at once is looked at again when the files have changed.
func TestAConnectionToPagesOutlivesNoAuthority(t *testing.T) {
	c, next := identitytest.New(t), identitytest.New(t)
	dir := c.Directory(identity.Coordinator, "c1")
	server := identitytest.Open(t, dir, identity.Options{})
	s := httptest.NewUnstartedServer(server.Pages(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), false))
	s.TLS, s.Config.ErrorLog, s.Config.ConnContext = server.HTTPConfig(), log(io.Discard).StandardLogger(nil), identity.ConnContext
	s.StartTLS()
	t.Cleanup(s.Close)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: c.Open(identity.Viewer, "eye").HTTPClientConfig(identity.Coordinator, "")}}
	codes := func() int {
		answer, err := client.Get(s.URL + "/status")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	got := []int{codes(), codes()}
	issued := next.Between(identity.Coordinator, "c1", time.Now(), time.Now().Add(day))
	replace(t, dir, issued.Files(next.Files.Certificate)...)
	if err := server.Reload(); err != nil {
		t.Fatal(err)
	}
	if got = append(got, codes()); !slices.Equal(got, []int{200, 200, 401}) {
		t.Errorf("before twice, and after the authority was replaced: %v", got)
	}
}

// What hangs the disk of the certificates hangs neither the status, nor does it keep
// anybody in who is not to be trusted any more; and it is forgotten once it was ended.
func TestPeersExpireWhileTheFilesHang(t *testing.T) {
	c := identitytest.New(t)
	var shift atomic.Int64
	server := identitytest.Open(t, c.Directory(identity.Coordinator, "c1"), identity.Options{Now: func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }})
	client := c.Open(identity.Client, "app")
	conn := dial(t, serveAll(t, server), client.Expecting(identity.Coordinator, "c1"))
	if err := call(t, conn, wirepb.ClusterService_Here_FullMethodName); !strings.Contains(sentence(err), "not implemented") {
		t.Fatal(err)
	}
	if n := server.Held(); n != 1 {
		t.Fatalf("%d connections are held, want 1", n)
	}
	server.WhileFilesHang(func() {
		if why := server.Message(false).GetRejected(); why != "" {
			t.Errorf("rejected: %s", why)
		}
		server.Sweep()
		shift.Store(int64(1000 * day))
		server.Sweep()
		if n := server.Held(); n != 0 {
			t.Errorf("%d connections are held after they were ended", n)
		}
	})
}
