package serve

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"
)

// CheckAddress finds out whether Listen could make anything of an address,
// without opening it.
func CheckAddress(flag, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--%s must be HOST:PORT, not %q", flag, address)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("--%s must have a port from 0 to 65535, not %q", flag, port)
	}
	return nil
}

// Exposed reports whether others than this machine can reach an address: whether it is
// not one of loopback alone.
func Exposed(address string) bool {
	at, err := net.ResolveTCPAddr("tcp", address)
	return err != nil || at.IP == nil || !at.IP.IsLoopback()
}

// Listen opens a TCP address, as HOST:PORT; port 0 takes any that is free. The
// error names the flag that the address came from.
func Listen(flag, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("cannot listen on %s: another process uses the port: stop it, or give another --%s", address, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("cannot listen on %s: this machine does not have the address: give another --%s", address, flag)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("cannot listen on %s: not permitted to: give --%s a port above 1023", address, flag)
	}
	return nil, fmt.Errorf("cannot listen on %q: want HOST:PORT in --%s: %w", address, flag, err)
}

// Announce prints the one line by which people and programs know that a daemon
// serves: "listening HOST:PORT", and " http HOST:PORT" if http is not nil.
func Announce(w io.Writer, api, http net.Addr) error {
	line := "listening " + api.String()
	if http != nil {
		line += " http " + http.String()
	}
	_, err := fmt.Fprintln(w, line)
	return err
}
