package link

import (
	"bufio"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers every line with itself, and tells of each.
func echo(t *testing.T) (address string, lines <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	seen := make(chan string, 16)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answer(conn, seen)
		}
	}()
	return l.Addr().String(), seen
}

func answer(conn net.Conn, seen chan<- string) {
	defer conn.Close()
	for in := bufio.NewScanner(conn); in.Scan(); {
		seen <- in.Text()
		conn.Write(append(in.Bytes(), '\n'))
	}
}

func newLink(t *testing.T, target string) *Link {
	t.Helper()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	l.SetTarget(target)
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, l *Link) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

func say(t *testing.T, conn net.Conn, line string) {
	t.Helper()
	if _, err := conn.Write([]byte(line + "\n")); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || line != want+"\n" {
		t.Fatalf("heard %q, %v, want %q", line, err, want)
	}
}

func TestHeldBytesPassWhenOpened(t *testing.T) {
	target, lines := echo(t)
	l := newLink(t, target)
	conn := dial(t, l)
	say(t, conn, "one")
	hear(t, conn, "one")
	<-lines
	l.Hold()
	say(t, conn, "two")
	select {
	case line := <-lines:
		t.Fatalf("%q passed a link that is held", line)
	case <-time.After(50 * time.Millisecond):
	}
	l.Open()
	hear(t, conn, "two")
}

func TestCutLosesWhatWasHeld(t *testing.T) {
	target, lines := echo(t)
	l := newLink(t, target)
	conn := dial(t, l)
	say(t, conn, "one")
	hear(t, conn, "one")
	<-lines
	l.Hold()
	say(t, conn, "two")
	l.Cut()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Fatal("a connection outlived a cut")
	}
	if _, err := dial(t, l).Read(make([]byte, 1)); err == nil {
		t.Fatal("a cut link took a connection")
	}
	l.Open()
	again := dial(t, l)
	say(t, again, "three")
	hear(t, again, "three")
	if line := <-lines; line != "three" {
		t.Fatalf("%q came through", line)
	}
}
