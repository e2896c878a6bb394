package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit in which Linux tells processor time, whatever the machine.
const tick = time.Second / 100

// ProcessorTime is how much of it the process has used. It works where there is a /proc
// as that of Linux.
func (p *Process) ProcessorTime() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name of the program, in parentheses, may hold anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const user, system = 11, 12 // counted behind the name
	if len(fields) <= system {
		return 0, fmt.Errorf("no times in /proc/%d/stat", p.cmd.Process.Pid)
	}
	u, errU := strconv.ParseInt(string(fields[user]), 10, 64)
	s, errS := strconv.ParseInt(string(fields[system]), 10, 64)
	return time.Duration(u+s) * tick, errors.Join(errU, errS)
}
