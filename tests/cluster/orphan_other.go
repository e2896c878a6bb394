//go:build !linux

package cluster

import "syscall"

func noOrphans() *syscall.SysProcAttr { return nil }
