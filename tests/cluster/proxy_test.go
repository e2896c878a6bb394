package cluster

import (
	"io"
	"net"
	"testing"
	"time"
)

// echo gives a connection, through a proxy, to something that repeats what it
// is told.
func echo(t *testing.T) (*Proxy, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go io.Copy(conn, conn)
		}
	}()
	p, err := NewProxy()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.Aim(listener.Addr().String())
	conn, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return p, conn
}

// roundTrip is how long something takes to come back.
func roundTrip(t *testing.T, conn net.Conn, bytes int) time.Duration {
	t.Helper()
	began := time.Now()
	conn.SetDeadline(began.Add(Within))
	go conn.Write(make([]byte, bytes))
	if _, err := io.ReadFull(conn, make([]byte, bytes)); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

func TestProxySlow(t *testing.T) {
	p, conn := echo(t)
	p.Slow(100*time.Millisecond, 0)
	if took := roundTrip(t, conn, 1); took < 200*time.Millisecond {
		t.Errorf("two delays of 100 ms took %s", took)
	}
	p.Slow(0, 1<<20)
	if took := roundTrip(t, conn, 1<<18); took < 250*time.Millisecond {
		t.Errorf("256 KiB at 1 MiB/s took %s", took)
	}
	p.Slow(time.Hour, 0)
	p.Heal()
	roundTrip(t, conn, 1)
}

func TestProxyCloseEndsWhatIsSlow(t *testing.T) {
	p, conn := echo(t)
	p.Slow(time.Hour, 0)
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	p.Close()
	conn.SetDeadline(time.Now().Add(Within))
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a closed proxy still forwards")
	}
}

func TestProxyRecordsWhatIsSent(t *testing.T) {
	p, unheard := echo(t)
	roundTrip(t, unheard, 5)
	p.Record(1, 3)
	for range 2 {
		conn, err := net.Dial("tcp", p.Address())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		roundTrip(t, conn, 5)
	}
	if got := p.Recorded(); len(got) != 1 || len(got[0]) != 3 {
		t.Errorf("recorded %v, want 3 bytes of the first connection since", got)
	}
}
