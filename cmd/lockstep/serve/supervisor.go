package serve

import (
	"context"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol/outage"
)

// statusInterval is how often a supervisor is told of another state, at most.
const statusInterval = time.Second

// TellSupervisor tells systemd, if it started this process with Type=notify,
// that the daemon serves, then its state as describe gives it, whenever that is
// another one, and in the end that it stops. It returns when ctx has ended and
// systemd has taken the last message, or at once if nobody wants to know.
// describe is called about once a second and must not block.
//
// It sends no keep-alive for WatchdogSec: what it sees says nothing about
// whether the daemon decides blocks, and a forced write to a disk that is slow
// may take longer than any bound that would help.
func TellSupervisor(ctx context.Context, log hclog.Logger, describe func() string) {
	state, trouble := describe(), outage.New(log, time.Now)
	if !tell(trouble, daemon.SdNotifyReady+"\n"+status(state)) {
		return
	}
	tick := time.NewTicker(statusInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			tell(trouble, daemon.SdNotifyStopping+"\n"+status("stopping"))
			return
		case <-tick.C:
			if now := describe(); now != state {
				state = now
				tell(trouble, status(state))
			}
		}
	}
}

// status is the line that systemctl status shows.
func status(state string) string {
	return "STATUS=" + strings.ReplaceAll(state, "\n", " ")
}

// tell sends one message, and reports whether somebody has taken it. Without
// NOTIFY_SOCKET there is nobody.
func tell(trouble *outage.Log, message string) bool {
	taken, err := daemon.SdNotify(false, message)
	if err != nil {
		trouble.Warn("cannot tell systemd how this daemon is: see to NOTIFY_SOCKET in its environment", "message", message, "error", err)
	}
	return taken
}
