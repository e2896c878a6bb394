package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/diagnose"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// retryBusy is the pause before a daemon is asked again that tells others.
const retryBusy = 500 * time.Millisecond

// goneError is why a daemon need not be asked for anything more.
type goneError struct{ why string }

func (e goneError) Error() string { return e.why }

// daemon is a connection to one.
type daemon struct {
	conn   *grpc.ClientConn // nil if there is no address
	client wirepb.DebugServiceClient
}

func dial(t Target) (daemon, error) {
	if t.Address == "" {
		return daemon{}, goneError{"nobody knows its address"}
	}
	conn, err := rpc.Dial(t.Address, rpc.Securely(t.Secure)...)
	if err != nil {
		return daemon{}, goneError{fmt.Sprintf("%q is not an address: %v", t.Address, err)}
	}
	return daemon{conn: conn, client: wirepb.NewDebugServiceClient(conn)}, nil
}

func (d daemon) close() {
	if d.conn != nil {
		d.conn.Close() // fails only if it was closed
	}
}

// part asks for a part, and again while the daemon tells others, until patience
// ends. The error is a goneError if nothing else would be had either.
func (d daemon) part(ctx context.Context, name string, measure, patience time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience+measure)
	defer cancel()
	for {
		content, err := d.ask(ctx, name, measure)
		if status.Code(err) != codes.ResourceExhausted {
			return content, d.explain(err)
		}
		timer := time.NewTimer(retryBusy)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, errors.New(rpc.Sentence(err))
		}
	}
}

func (d daemon) ask(ctx context.Context, name string, measure time.Duration) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := d.client.Collect(ctx, &wirepb.CollectRequest{Part: name, Seconds: uint32(measure.Seconds())})
	if err != nil {
		return nil, err
	}
	var content []byte
	for {
		piece, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return content, nil
		case err != nil:
			return nil, err
		case len(content)+len(piece.GetContent()) > diagnose.MaxPartBytes:
			return nil, status.Errorf(codes.OutOfRange, "it sends more than %d bytes", diagnose.MaxPartBytes)
		}
		content = append(content, piece.GetContent()...)
	}
}

// explain says what an error means for what else is asked.
func (d daemon) explain(err error) error {
	switch s := status.Convert(err); s.Code() {
	case codes.OK:
		return nil
	case codes.Unavailable:
		return goneError{"cannot be reached: " + rpc.Sentence(err)}
	case codes.DeadlineExceeded:
		return goneError{"does not answer in time"}
	case codes.Canceled:
		return goneError{"interrupted"}
	case codes.Unimplemented:
		return goneError{"is of a release that tells nothing of itself"}
	case codes.PermissionDenied, codes.Unauthenticated:
		return goneError{s.Message()}
	default:
		return errors.New(s.Message())
	}
}
