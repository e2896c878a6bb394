// Package planted has what lint finds: "want" names the rules that do on that line.
package planted

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
)

var errPlanted = errors.New("planted")

func unchecked(f *os.File) {
	f.Close()         // want errcheck
	f.Close()         //nolint:errcheck // an exception that is used
	_ = f.Sync()      // said aloud
	f.Name()          //nolint:errcheck // want nolint: there is no error
	f.Close()         //nolint:errcheck want errcheck, nolint: no reason
	defer f.Close()   // want errcheck
	fmt.Fprintln(f)   // off
	os.Remove("name") // #nosec want errcheck, nolint: another form
}

func onlyReads(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	written, err := os.Create(name) // off: G304
	if err != nil {
		return err
	}
	defer written.Close() // want errcheck
	return nil
}

func compares(err error, r io.Reader) error {
	if err == errPlanted { // want errorlint
		return nil
	}
	if err == io.EOF { //nolint:errorlint,G115 // want nolint: no number is converted
		return nil
	}
	if _, err := r.Read(nil); err == io.EOF { // as readers say it
		return nil
	}
	switch err {
	case errPlanted: // want errorlint
		return nil
	}
	return fmt.Errorf("compare: %v", err) // want errorlint
}

func insecure(n uint64, name string) int {
	var b strings.Builder
	b.WriteByte('x')
	if exec.Command(os.Args[1]).Run() != nil { // want G204, G702
		return rand.IntN(7) // want G404
	}
	if os.WriteFile("x", nil, 0o666) != nil { // want G306
		return int(uint32(len(name))) // off: int to uint32
	}
	return int(n) // want G115
}

// Use has them all used.
func Use() {
	unchecked(nil)
	_ = onlyReads("")
	_ = compares(nil, nil)
	_ = insecure(0, "")
}
