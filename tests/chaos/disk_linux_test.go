package chaos

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	diskBytes = 256 << 20
	leastFree = 48 << 20 // below it a node refuses
)

// disks are small file systems in memory for the data of some nodes.
type disks struct{ dir string }

// mountDisks mounts a disk each for some nodes, which only root in a mount
// namespace of its own does: nothing must be left behind.
func mountDisks(dir string, nodes ...string) (*disks, error) {
	if !isolated() || isolation != nil {
		return nil, fmt.Errorf("mount small disks: no mount namespace: %w", isolation)
	}
	d := &disks{dir: dir}
	for _, node := range nodes {
		if err := os.Mkdir(d.of(node), 0o700); err != nil {
			return nil, err
		}
		if err := syscall.Mount("tmpfs", d.of(node), "tmpfs", 0, "size="+strconv.Itoa(diskBytes)); err != nil {
			return nil, errors.Join(fmt.Errorf("mount a small disk: %w", err), d.unmount())
		}
	}
	return d, nil
}

func (d *disks) of(node string) string { return filepath.Join(d.dir, "disk-"+node) }

// data is the data directory of a node with a disk, or "".
func (d *disks) data(node string) string {
	if d == nil {
		return ""
	}
	if _, err := os.Stat(d.of(node)); err != nil {
		return ""
	}
	return filepath.Join(d.of(node), "data")
}

func (d *disks) unmount() error {
	all, err := filepath.Glob(d.of("*"))
	for _, disk := range all {
		if failed := syscall.Unmount(disk, syscall.MNT_DETACH); failed != nil && failed != syscall.EINVAL {
			err = errors.Join(err, fmt.Errorf("unmount %s: %w", disk, failed))
		}
	}
	return err
}

// faults are what can happen to the disks.
func (d *disks) faults() []fault {
	if d == nil {
		return nil
	}
	return []fault{{"full disk", 2, d.full}}
}

// full fills the disk of a member, so that it must refuse, or to the last byte,
// so that it may also have to stop (rule S9); sometimes it is killed and started
// on the full disk. Then there is space again.
func (d *disks) full(s *step) {
	m := d.pick(s)
	left, pause, killed := int64(s.IntN(2))*leastFree/2, s.between(300*time.Millisecond, 3*time.Second), s.IntN(3) == 0
	m.process.Lock()
	defer m.process.Unlock()
	s.happens("only %d MiB are left to %s for %s; killed there: %v", left>>20, m.Name, pause, killed)
	ballast := filepath.Join(d.of(m.Name), "ballast")
	if err := fill(ballast, left); err != nil {
		s.fail("fill the disk of %s: %w", m.Name, err)
	}
	up := !killed || comesUp(s, m)
	code, running := 0, error(nil)
	if up {
		code, running = m.Await(pause)
	} else {
		time.Sleep(pause)
	}
	if err := os.Remove(ballast); err != nil {
		s.fail("free the disk of %s: %w", m.Name, err)
	}
	if up && running != nil {
		code, running = m.Await(200 * time.Millisecond) // it may have been ending
	}
	switch {
	case !up:
		m.restart(s)
	case running == nil:
		d.stopped(s, m, code)
	}
}

// comesUp kills a member and tells whether it starts again on its full disk; it
// need not if its last reserve is used up.
func comesUp(s *step, m *member) bool {
	m.kill()
	err := m.TryStart()
	if err == nil {
		m.current.Store(m.Process)
		return true
	}
	s.note("%s does not start on a full disk: %v", m.Name, err)
	if !outOfSpace(m) {
		s.fail("start %s on a full disk: %w\n%s", m.Name, err, m.LogTail(8))
	}
	return false
}

func outOfSpace(m *member) bool { return strings.Contains(m.LogTail(8), "no space left") }

func (d *disks) stopped(s *step, m *member, code int) {
	if code != 1 || !outOfSpace(m) {
		s.fail("%s ended with exit code %d on a full disk:\n%s", m.Name, code, m.LogTail(8))
	}
	s.note("%s has stopped", m.Name)
	m.restart(s)
}

// pick draws a member that has a disk.
func (d *disks) pick(s *step) *member {
	var all []*member
	for _, m := range s.members {
		if d.data(m.Name) != "" {
			all = append(all, m)
		}
	}
	return all[s.IntN(len(all))]
}

// fill writes a file until only so many bytes of its disk are free.
func fill(ballast string, leave int64) error {
	f, err := os.Create(ballast)
	if err != nil {
		return err
	}
	defer f.Close()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(ballast), &fs); err != nil {
		return err
	}
	size := max(int64(fs.Bavail)*fs.Bsize-leave, 0)
	if _, err := io.CopyN(f, zeros{}, size); err != nil && !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
