package guard_test

import (
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
)

// Whoever says nothing makes room for whoever comes, and nobody else has to.
func TestConnectionsThatSayNothing(t *testing.T) {
	p := serve(t, guard.Limits{Opening: 8, NewAtOnce: 4000})
	honest := p.client("127.0.0.1")
	p.works(honest)
	var silent []net.Conn
	for range 8 {
		silent = append(silent, p.raw())
	}
	p.works(p.client("127.0.0.1")) // makes one of them go
	p.awaitRefusals(guard.TooManyOpen, 1)
	_, _ = io.Copy(io.Discard, silent[0]) // ends, by an error or without
	before := heap()
	for range 2000 {
		p.raw()
	}
	p.works(p.client("127.0.0.1"))
	p.works(honest)
	p.awaitRefusals(guard.TooManyOpen, 1993)
	p.only(guard.TooManyOpen)
	bounded(t, before, 16<<20)
}

func TestConnectionsOfOnePeer(t *testing.T) {
	p := serve(t, guard.Limits{PeerConnections: 3})
	var all []*grpc.ClientConn
	for range 3 {
		c := p.client("127.0.0.1")
		p.works(c)
		all = append(all, c)
	}
	fourth := p.client("127.0.0.1")
	if check(t, fourth) == nil {
		t.Error("a fourth connection works")
	}
	p.awaitRefusals(guard.TooManyOfPeer, 1)
	p.works(p.client("127.0.0.2"))
	p.works(all[0])
	all[1].Close()
	await(t, func() bool { return check(t, fourth) == nil }, func() any { return "no room after one has left" })
	p.only(guard.TooManyOfPeer)
}

// Where there is no room for all, whoever has most gives way: a member gets in, and
// stays.
func TestStrangersDoNotKeepMembersOut(t *testing.T) {
	p := serve(t, guard.Limits{Connections: 6})
	member := p.client("127.0.0.3")
	p.works(member)
	for range 20 { // most are refused
		check(t, p.client("127.0.0.2"))
	}
	p.awaitRefusals(guard.TooMany, 10)
	for range 2 {
		p.works(p.client("127.0.0.4"))
	}
	p.works(member)
	p.only(guard.TooMany)
}

// Strangers from many networks, of whom nothing is known, make room for anybody else.
func TestStrangersFromEverywhere(t *testing.T) {
	p := serve(t, guard.Limits{Connections: 6, Introduction: time.Nanosecond})
	member := p.attack()
	for known := false; !known; {
		f, err := member.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		settings, ok := f.(*http2.SettingsFrame)
		known = ok && settings.IsAck()
	}
	ended := member.drain()
	for n := range 20 {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(n))}}
		c, err := dialer.DialContext(t.Context(), "tcp", p.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	p.awaitRefusals(guard.TooMany, 15)
	p.works(p.client("127.0.0.4"))
	select {
	case <-ended:
		t.Error("a member was cut off")
	default:
	}
	p.only(guard.TooMany)
}

func TestNewConnections(t *testing.T) {
	p := serve(t, guard.Limits{NewAtOnce: 5, NewPerSecond: 1})
	var all []*grpc.ClientConn
	for range 5 {
		c := p.client("127.0.0.1")
		p.works(c)
		all = append(all, c)
	}
	for range 20 {
		p.raw()
	}
	p.awaitRefusals(guard.TooManyNew, 10)
	for _, c := range all {
		p.works(c)
	}
	p.works(p.client("127.0.0.2"))
	p.only(guard.TooManyNew)
}
