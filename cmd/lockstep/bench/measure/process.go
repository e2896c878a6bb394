package measure

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the processor times in /proc, on every architecture.
const tick = 10 * time.Millisecond

// Usage is what a process has used since it started.
type Usage struct {
	CPU     time.Duration // user and system, in steps of 10 ms
	Written int64         // bytes sent to storage; -1 if the system does not tell
	Memory  int64         // resident bytes
	Peak    int64         // the most resident bytes there were
}

// Sub gives what was used since an earlier moment; memory is that of now.
func (u Usage) Sub(before Usage) Usage {
	u.CPU -= before.CPU
	if u.Written < 0 || before.Written < 0 {
		u.Written = -1
	} else {
		u.Written -= before.Written
	}
	return u
}

// Process reads the usage of a process; an error if the system does not tell.
func Process(pid int) (Usage, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	s, err := readStat(dir)
	if err != nil {
		return Usage{}, err
	}
	u := Usage{CPU: s.own, Written: written(dir)}
	fields, err := readFields(filepath.Join(dir, "status"))
	if err != nil {
		return Usage{}, err
	}
	u.Memory, u.Peak = kilobytes(fields["VmRSS"]), kilobytes(fields["VmHWM"])
	return u, nil
}

// Tree adds up the usage of a process, its children, and the processor time of
// children that have ended. Memory that they share counts once for each.
func Tree(pid int) (sum Usage, err error) {
	if sum, err = Process(pid); err != nil {
		return Usage{}, err
	}
	s, err := readStat(filepath.Join("/proc", strconv.Itoa(pid)))
	if err != nil {
		return Usage{}, err
	}
	sum.CPU += s.children
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return Usage{}, err
	}
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := readStat(filepath.Join("/proc", e.Name())); err != nil || s.parent != pid {
			continue // it may have ended meanwhile
		}
		if u, err := Process(child); err == nil {
			sum.CPU += u.CPU
			sum.Memory += u.Memory
			sum.Peak += u.Peak
			if u.Written > 0 && sum.Written >= 0 {
				sum.Written += u.Written
			}
		}
	}
	return sum, nil
}

// stat is a part of /proc/PID/stat.
type stat struct {
	parent        int
	own, children time.Duration // processor time; of children that have ended
}

func readStat(dir string) (stat, error) {
	text, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return stat{}, err
	}
	return parseStat(text)
}

// parseStat reads what follows the name, which may hold blanks and brackets.
func parseStat(text []byte) (s stat, err error) {
	end := bytes.LastIndexByte(text, ')')
	fields := strings.Fields(string(text[end+1:]))
	const parent, user, system, childUser, childSystem = 1, 11, 12, 13, 14 // after the name
	if end < 0 || len(fields) <= childSystem {
		return s, errors.New("/proc/PID/stat is of an unknown form")
	}
	var n [childSystem + 1]int64
	for _, i := range []int{parent, user, system, childUser, childSystem} {
		if n[i], err = strconv.ParseInt(fields[i], 10, 64); err != nil {
			return s, fmt.Errorf("/proc/PID/stat is of an unknown form: %w", err)
		}
	}
	s.parent = int(n[parent])
	s.own, s.children = time.Duration(n[user]+n[system])*tick, time.Duration(n[childUser]+n[childSystem])*tick
	return s, nil
}

// written gives the bytes that a process has sent to storage, or -1.
func written(dir string) int64 {
	fields, err := readFields(filepath.Join(dir, "io"))
	if err != nil {
		return -1
	}
	n, err := strconv.ParseInt(fields["write_bytes"], 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// readFields reads lines of the form "name: value".
func readFields(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			name = strings.TrimSpace(name)
			if _, again := fields[name]; !again {
				fields[name] = strings.TrimSpace(value)
			}
		}
	}
	return fields, nil
}

// kilobytes reads "123 kB"; 0 if it is none.
func kilobytes(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
