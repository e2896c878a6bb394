package rpc

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// learnEvery is how often a shard asks the coordinator of its session who the
// members are, and whether it still leads: it may be unable to end its sessions,
// with a disk that hangs.
const learnEvery = 2 * time.Second

// lookout goes with one session of a shard. It sees to it that the session ends
// when another coordinator leads, also if this one says nothing or cannot know,
// and keeps the list of coordinators up to date.
type lookout struct {
	client     *SessionClient
	session    *session
	search     *search // not used by anybody else while the session stands
	connection *grpc.ClientConn

	mute   bool   // the coordinator is of a release that tells nothing
	term   uint64 // in which it led when it was asked last; 0 if it did not say
	others map[string]*grpc.ClientConn
}

// run looks until ctx or the session ends.
func (l *lookout) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer l.hangUp()
	clock := l.client.options.Clock
	learned := clock.Now().Add(-learnEvery)
	for {
		now := clock.Now()
		quiet := l.session.quiet(now)
		switch {
		case quiet >= l.client.options.SilenceAmong/2:
			l.lookAround(ctx, quiet)
		case !l.mute && now.Sub(learned) >= learnEvery:
			l.hangUp()
			l.learn(ctx)
			learned = now
		}
		if !l.pause(ctx) {
			return
		}
	}
}

func (l *lookout) pause(ctx context.Context) bool {
	fires, stop := l.client.options.Clock.NewTimer(AskEvery)
	defer stop()
	select {
	case <-fires:
		return true
	case <-ctx.Done():
	case <-l.session.ended:
	}
	return false
}

// learn asks the coordinator of the session.
func (l *lookout) learn(ctx context.Context) {
	s, err := Standing(ctx, l.connection)
	switch {
	case status.Code(err) == codes.Unimplemented:
		l.mute = true
	case err != nil: // it is silent, or does not know what to say; the session will tell
	case s.Leads:
		l.term = s.Term
		l.client.learn(l.search, s.Coordinators)
	case s.Leader != "" && s.Leader != l.search.address:
		l.moved(s.Leader, "does not lead any more")
	}
}

// lookAround asks the others about a coordinator that was quiet for so long.
func (l *lookout) lookAround(ctx context.Context, quiet time.Duration) {
	others := l.search.others()
	if len(others) == 0 {
		return
	}
	if leader, found := Successor(ctx, l.search.address, l.term, l.connect(others)); found {
		l.moved(leader, fmt.Sprintf("said nothing for %s", quiet.Round(AskEvery)))
		return
	}
	if silence := l.client.options.SilenceAmong; l.session.quiet(l.client.options.Clock.Now()) > silence {
		l.session.end(fmt.Errorf("%w for %v", ErrSilent, silence))
	}
}

// moved ends the session; the search goes to the leader.
func (l *lookout) moved(leader, what string) {
	l.session.end(Plain(wire.NotLeader(leader, fmt.Sprintf("the coordinator at %s %s, and %s leads", l.search.address, what, leader))))
}

// connect gives connections to coordinators, which are made at first use and kept
// until the coordinator of the session is heard again.
func (l *lookout) connect(addresses []string) (connections []grpc.ClientConnInterface) {
	if l.others == nil {
		l.others = map[string]*grpc.ClientConn{}
	}
	for _, address := range addresses {
		if l.others[address] == nil {
			connection, err := l.client.options.Dial(address, Often())
			if err != nil {
				continue // no address
			}
			l.others[address] = connection
		}
		connections = append(connections, l.others[address])
	}
	return connections
}

func (l *lookout) hangUp() {
	for _, connection := range l.others {
		connection.Close() // fails only if it was closed
	}
	l.others = nil
}
