package rpc

import (
	"context"
	"errors"
	"net"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

func TestSentence(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{status.Error(codes.Unavailable, "the leader is elsewhere"), "the leader is elsewhere"},
		{errors.New("no answer"), "no answer"},
		{status.Error(codes.Unavailable, dialling+`dial tcp 10.0.0.5:1: connect: no route to host"`), "dial tcp 10.0.0.5:1: connect: no route to host"},
		{status.Error(codes.Unavailable, "again: "+dialling+`dial tcp: no such host"`), "again: dial tcp: no such host"},
	} {
		if got := Sentence(test.err); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

// TestSentenceOfARefusedConnection holds gRPC to the words that Sentence takes off.
func TestSentenceOfARefusedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	conn, err := Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = grpc_health_v1.NewHealthClient(conn).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	if got, want := Sentence(err), "dial tcp "+address+": connect: connection refused"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
