package cluster

import "syscall"

// noOrphans has the kernel kill a child whose test process is gone.
func noOrphans() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
