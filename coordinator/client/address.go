package client

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// ParseAddresses reads HOST:PORT[,HOST:PORT …].
func ParseAddresses(list string) ([]string, error) {
	var addresses []string
	for address := range strings.SplitSeq(list, ",") {
		address = strings.TrimSpace(address)
		if address == "" {
			continue
		}
		if err := checkAddress(address); err != nil {
			return nil, err
		}
		if !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	if len(addresses) == 0 {
		return nil, errors.New("no address: want HOST:PORT")
	}
	return addresses, nil
}

func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return fmt.Errorf("%q is not an address: want HOST:PORT, for example 127.0.0.1:7400", address)
	}
	return nil
}
