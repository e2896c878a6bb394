package pg

import "syscall"

// attributes run a child as another user, if one is given, in a process group
// of its own, and have the system end it with the thread that started it.
func attributes(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGQUIT, Credential: as}
}
