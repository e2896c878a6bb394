package packaging

import (
	"bufio"
	"debug/buildinfo"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var deb = flag.String("package.deb", "", "the package to test")

// system is a folder that dpkg takes for the root of a machine.
type system struct{ root string }

// newSystem makes one without any package.
func newSystem(t *testing.T) system {
	t.Helper()
	if *deb == "" {
		t.Skip(`needs a package: run "make test-package"`)
	}
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("needs dpkg")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, to install files and to make a user")
	}
	s := system{t.TempDir()}
	for _, dir := range []string{"etc", "var/lib/dpkg"} {
		if err := os.MkdirAll(s.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"etc/passwd", "etc/group", "var/lib/dpkg/status"} {
		s.write(t, file, "")
	}
	return s
}

func (s system) path(name string) string { return filepath.Join(s.root, name) }

func (s system) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(s.path(name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (s system) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(s.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func (s system) has(name string) bool {
	_, err := os.Lstat(s.path(name))
	return err == nil
}

// run runs a command to its end and gives what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (s system) dpkg(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, "dpkg", append([]string{"--root=" + s.root, "--force-script-chrootless", "--force-confold"}, args...)...)
}

func (s system) lockstep(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, s.path("usr/bin/lockstep"), args...)
}

func TestWhatIsInstalled(t *testing.T) {
	s := newSystem(t)
	s.dpkg(t, "--install", *deb)
	for name, mode := range map[string]fs.FileMode{
		"usr/bin/lockstep": 0o755,
		"usr/lib/systemd/system/lockstep-coordinator.service": 0o644,
		"usr/lib/systemd/system/lockstep-shard@.service":      0o644,
		"etc/lockstep/coordinator.yaml":                       0o644,
		"etc/lockstep/shard0.yaml":                            0o644,
		"usr/share/man/man1/lockstep.1.gz":                    0o644,
		"usr/share/man/man1/lockstep-coordinator.1.gz":        0o644,
		"usr/share/man/man1/lockstep-shard.1.gz":              0o644,
		"usr/share/bash-completion/completions/lockstep":      0o644,
		"usr/share/zsh/vendor-completions/_lockstep":          0o644,
		"usr/share/fish/vendor_completions.d/lockstep.fish":   0o644,
		"usr/share/lockstep/prometheus/alerts.yml":            0o644,
		"usr/share/lockstep/grafana/lockstep.json":            0o644,
		"usr/share/doc/lockstep/copyright":                    0o644,
		"usr/share/doc/lockstep/THIRD_PARTY_LICENSES":         0o644,
		"usr/share/doc/lockstep/lockstep.cdx.json":            0o644,
		"var/lib/lockstep":                                    0o700 | fs.ModeDir,
	} {
		info, err := os.Lstat(s.path(name))
		if err != nil {
			t.Error(err)
		} else if info.Mode() != mode {
			t.Errorf("%s has mode %s, want %s", name, info.Mode(), mode)
		}
	}
	if s.has("etc/systemd") {
		t.Error("something is enabled")
	}
	s.wantOwner(t, "var/lib/lockstep")
	version, deb := s.lockstep(t, "version"), strings.TrimSpace(run(t, "dpkg-deb", "--field", *deb, "Architecture"))
	if !strings.HasPrefix(version, "lockstep ") || !strings.Contains(version, "linux/"+deb) {
		t.Errorf("version prints %q", version)
	}
}

// TestLicencesOfAllThatIsInstalled: every module that the binary says is in it stands,
// with its version, among the licences and in the bill of materials.
func TestLicencesOfAllThatIsInstalled(t *testing.T) {
	s := newSystem(t)
	s.dpkg(t, "--install", *deb)
	info, err := buildinfo.ReadFile(s.path("usr/bin/lockstep"))
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Deps) == 0 {
		t.Fatal("the binary names no modules")
	}
	licences, bill := s.read(t, "usr/share/doc/lockstep/THIRD_PARTY_LICENSES"), s.read(t, "usr/share/doc/lockstep/lockstep.cdx.json")
	for _, dep := range info.Deps {
		if !strings.Contains(licences, "\n"+dep.Path+" "+dep.Version+"\n    ") {
			t.Errorf("%s %s has no licence", dep.Path, dep.Version)
		}
		if !strings.Contains(bill, `"purl": "pkg:golang/`+dep.Path+"@"+dep.Version+`"`) {
			t.Errorf("%s %s is not in the bill of materials", dep.Path, dep.Version)
		}
	}
	if !strings.Contains(licences, "Copyright 2009 The Go Authors.") {
		t.Error("the licence of Go is missing")
	}
}

// wantOwner checks that a path belongs to the user of the daemons, who is not
// root.
func (s system) wantOwner(t *testing.T, name string) {
	t.Helper()
	user := regexp.MustCompile(`(?m)^lockstep:[^:]*:(\d+):(\d+):.*:/usr/sbin/nologin$`).FindStringSubmatch(s.read(t, "etc/passwd"))
	if user == nil {
		t.Fatalf("there is no user lockstep in\n%s", s.read(t, "etc/passwd"))
	}
	owner := strings.TrimSpace(run(t, "stat", "--format=%u %g", s.path(name)))
	if owner != user[1]+" "+user[2] || user[1] == "0" {
		t.Errorf("%s belongs to %s, want %s", name, owner, user[1:])
	}
}

func TestUnitsRunWhatIsInstalled(t *testing.T) {
	s := newSystem(t)
	s.dpkg(t, "--install", *deb)
	line := regexp.MustCompile(`(?m)^ExecStart=(\S+) (\S+) --config (\S+)$`)
	for _, unit := range []string{"lockstep-coordinator.service", "lockstep-shard@.service"} {
		start := line.FindStringSubmatch(s.read(t, "usr/lib/systemd/system/"+unit))
		if start == nil {
			t.Errorf("%s starts nothing that is understood", unit)
			continue
		}
		config := strings.ReplaceAll(start[3], "%i", "0")
		if !s.has(start[1]) || !s.has(config) {
			t.Errorf("%s needs %s and %s", unit, start[1], config)
		}
		s.lockstep(t, "config", "check", start[2], s.path(config))
	}
}

// TestACoordinatorStartsAsShipped: with the config file of the package and what
// it leaves to be said, below the folder of the test.
func TestACoordinatorStartsAsShipped(t *testing.T) {
	s := newSystem(t)
	s.dpkg(t, "--install", *deb)
	config := s.path("etc/lockstep/coordinator.yaml")
	args := []string{"coordinator", "--config", config, "--data", s.path("var/lib/lockstep/coordinator"), "--listen", "127.0.0.1:0", "--http", ""}
	if out, err := exec.Command(s.path("usr/bin/lockstep"), args...).CombinedOutput(); err == nil || !strings.Contains(string(out), "a new cluster needs between 1 and") {
		t.Errorf("without a number of shards it ends with %v: %s", err, out)
	}
	daemon := exec.Command(s.path("usr/bin/lockstep"), append(args, "--shards", "2")...)
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "listening 127.0.0.1:") {
		t.Errorf("it says %q, %v", line, err)
	}
	daemon.Process.Signal(syscall.SIGTERM)
	if err := daemon.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
}

func TestAnUpgradeKeepsTheConfig(t *testing.T) {
	s := newSystem(t)
	s.dpkg(t, "--install", *deb)
	s.write(t, "etc/lockstep/coordinator.yaml", "data: /srv/c1\n")
	s.dpkg(t, "--install", *deb)
	if got := s.read(t, "etc/lockstep/coordinator.yaml"); got != "data: /srv/c1\n" {
		t.Errorf("the config file is now %q", got)
	}
	s.wantOwner(t, "var/lib/lockstep")
}

func TestRemovalKeepsTheData(t *testing.T) {
	s := newSystem(t)
	s.dpkg(t, "--install", *deb)
	s.write(t, "var/lib/lockstep/state.db", "money")
	s.write(t, "etc/lockstep/shard7.yaml", "id: 7\n")
	s.dpkg(t, "--remove", "lockstep")
	if s.has("usr/bin/lockstep") || !s.has("etc/lockstep/coordinator.yaml") || s.read(t, "var/lib/lockstep/state.db") != "money" {
		t.Error("removal takes the binary away, and neither config nor data")
	}
	told := s.dpkg(t, "--purge", "lockstep")
	if s.has("etc/lockstep/coordinator.yaml") || !s.has("etc/lockstep/shard7.yaml") || s.read(t, "var/lib/lockstep/state.db") != "money" {
		t.Error("a purge takes the config of the package away, and neither other config nor data")
	}
	if !strings.Contains(told, "the data stay in "+s.path("var/lib/lockstep")) {
		t.Errorf("a purge does not say where the data are: %s", told)
	}
}
