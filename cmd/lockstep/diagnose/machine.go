package diagnose

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// factBytes bounds what is read of one file.
const factBytes = 8 << 10

// factFiles are where Linux says what a process has to do with.
var factFiles = []string{
	"/proc/version", "/proc/loadavg", "/proc/meminfo", "/proc/uptime", "/proc/diskstats",
	"/proc/self/limits", "/proc/self/status", "/proc/self/io", "/proc/self/cgroup",
	"/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory",
	"/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/memory.max",
	"/sys/devices/system/clocksource/clocksource0/current_clocksource",
}

// Machine are facts about the machine and the process.
type Machine struct {
	Host       string    `json:"host"`
	Platform   string    `json:"platform"`
	CPUs       int       `json:"cpus"`
	GOMAXPROCS int       `json:"gomaxprocs"`
	Goroutines int       `json:"goroutines"`
	Process    int       `json:"process"`
	Time       time.Time `json:"time"`
	// Files are what some files of the system say, cut where they are long.
	Files map[string]string `json:"files"`
}

// LookAtMachine gathers the facts. What cannot be read is left out.
func LookAtMachine() Machine {
	host, _ := os.Hostname() // "" says that it is not known
	m := Machine{
		Host: host, Platform: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0),
		Goroutines: runtime.NumGoroutine(), Process: os.Getpid(), Time: time.Now().UTC(), Files: map[string]string{},
	}
	for _, path := range factFiles {
		if text, ok := readFact(path); ok {
			m.Files[path] = text
		}
	}
	return m
}

func readFact(path string) (string, bool) {
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, factBytes))
	return strings.ToValidUTF8(string(text), "?"), err == nil
}

// environmentNames are the variables that are told: what they hold is no secret,
// and has to do with how a daemon runs. Those that stand for settings are told as
// settings.
var environmentNames = []string{"GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GODEBUG", "GOTRACEBACK", "TZ", "LANG", "LC_ALL"}

// Environment gives the variables of the list that are set.
func Environment() map[string]string {
	told := map[string]string{}
	for _, name := range environmentNames {
		if value, set := os.LookupEnv(name); set {
			told[name] = value
		}
	}
	return told
}

// mostFiles bounds the files of a data directory that are listed.
const mostFiles = 2000

// File is a file of a data directory: its name and size, nothing of what is in it.
type File struct {
	Name     string    `json:"name"` // below the directory
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"`
}

// Files lists a data directory, up to mostFiles of it, in order of names.
func Files(dir string) ([]File, error) {
	files := []File{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return nil // it is gone: the log is trimmed meanwhile
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files = append(files, File{name, info.Size(), info.ModTime().UTC()})
		if len(files) == mostFiles {
			return fs.SkipAll
		}
		return nil
	})
	return files, err
}
