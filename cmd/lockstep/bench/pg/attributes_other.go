//go:build !linux

package pg

import "syscall"

// attributes run a child as another user, if one is given, in a process group
// of its own.
func attributes(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: as}
}
