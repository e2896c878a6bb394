package process

import "syscall"

// attributes give a child a process group of its own, so that an interrupt at
// the terminal does not reach it, and have the system kill it with its parent.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
