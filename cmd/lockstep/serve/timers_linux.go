package serve

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// timerSlack is how late the system may wake a daemon up. Everything that a
// daemon does by the clock is a matter of many milliseconds.
const timerSlack = time.Millisecond

// RelaxTimers lets the system wake the threads of this process up later than
// they ask for. The runtime of Go has a thread that looks after the others, in
// a busy process more than ten thousand times a second; with a millisecond of
// slack, in place of the usual 50 µs, it keeps out of the way of those that
// work. New threads have it from those that start them.
//
// An unprivileged process may not do this for threads that run already: there
// all stays as it is, or as TimerSlackNSec= of systemd says. A larger slack is
// left alone too.
func RelaxTimers() {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, thread := range threads {
		relax(fmt.Sprintf("/proc/%s/timerslack_ns", thread.Name()))
	}
}

func relax(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		return
	}
	now, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil || now >= timerSlack.Nanoseconds() {
		return
	}
	_ = os.WriteFile(path, strconv.AppendInt(nil, timerSlack.Nanoseconds(), 10), 0) // or it stays as it is
}
