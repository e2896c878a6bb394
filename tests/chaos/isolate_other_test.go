//go:build !linux

package chaos

import (
	"errors"
	"syscall"
)

func isolated() bool { return false }

func isolate(string) (int, error) {
	return 0, errors.New("namespaces are there on Linux only")
}

func settle() error { return nil }

func dieWithTest() *syscall.SysProcAttr { return nil }
