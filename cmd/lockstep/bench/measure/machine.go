package measure

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Machine is where a measurement ran. What the system does not tell is empty.
type Machine struct {
	Cores      int    `json:"cores"`
	Processor  string `json:"processor"`
	Memory     int64  `json:"memory_bytes"`
	System     string `json:"system"` // GOOS/GOARCH
	Kernel     string `json:"kernel"`
	FileSystem string `json:"file_system"` // of the data directories
	Go         string `json:"go"`
}

// ThisMachine describes the machine, and the file system of a directory.
func ThisMachine(dir string) Machine {
	m := Machine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	if fields, err := readFields("/proc/cpuinfo"); err == nil {
		m.Processor = fields["model name"]
	}
	if fields, err := readFields("/proc/meminfo"); err == nil {
		m.Memory = kilobytes(fields["MemTotal"])
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	if mounts, err := os.ReadFile("/proc/self/mounts"); err == nil {
		if full, err := filepath.EvalSymlinks(dir); err == nil {
			m.FileSystem = fileSystem(string(mounts), full)
		}
	}
	return m
}

// Volatile reports whether the data does not survive the machine, so that a
// sync costs nothing and means nothing.
func (m Machine) Volatile() bool { return m.FileSystem == "tmpfs" || m.FileSystem == "ramfs" }

// fileSystem finds the type of the mount that a clean path is on: the last of
// those with the longest mount point.
func fileSystem(mounts, path string) (kind string) {
	longest := -1
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		point := strings.ReplaceAll(fields[1], `\040`, " ")
		if len(point) >= longest && holds(point, path) {
			longest, kind = len(point), fields[2]
		}
	}
	return kind
}

func holds(point, path string) bool {
	return point == "/" || path == point || strings.HasPrefix(path, point+"/")
}
