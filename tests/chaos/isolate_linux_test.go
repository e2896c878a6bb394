package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// isolatedMark tells a test process that it has namespaces of its own.
const isolatedMark = "LOCKSTEP_CHAOS_ISOLATED"

func isolated() bool { return os.Getenv(isolatedMark) != "" }

// isolate runs this test process again in new mount and network namespaces, and
// gives its exit code. They end with it, and with them every mount and device
// that it made. An error means that it was not run.
func isolate(binary string) (code int, err error) {
	runtime.LockOSThread() // the child is to die with this process, not with a thread
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), isolatedMark+"=1", "LOCKSTEP_BINARY="+binary)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("namespaces of its own: %w", err)
	}
	if err := cmd.Wait(); err == nil {
		return 0, nil
	}
	return 1, nil // it has said why
}

// settle makes new namespaces fit to be used: mounts stay in them, and there is
// a loopback device.
func settle() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts private: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("turn the loopback device on: %w", err)
	}
	return nil
}

// dieWithTest has the kernel kill a child when the test is gone.
func dieWithTest() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
