//go:build !linux

package process

import "syscall"

// attributes give a child a process group of its own, so that an interrupt at
// the terminal does not reach it.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
