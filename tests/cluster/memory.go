package cluster

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// PeakMemory is the most memory, in bytes, that the process ever had resident.
// It works where there is a /proc.
func (p *Process) PeakMemory() (int64, error) { return p.memory("VmHWM:") }

// Memory is how much memory, in bytes, the process has resident now. It works where
// there is a /proc.
func (p *Process) Memory() (int64, error) { return p.memory("VmRSS:") }

func (p *Process) memory(field string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc/%d/status", field, p.cmd.Process.Pid)
}
