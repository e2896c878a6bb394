package recovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// AuditFile is the name of the audit log in a data directory.
const AuditFile = "audit.log"

// Act is one line of the audit log: what somebody was about to do to the
// directory, and, in a second line, what came of it.
type Act struct {
	Time    time.Time `json:"time"`
	Who     string    `json:"who"`
	Host    string    `json:"host"`
	Verb    string    `json:"verb"`
	Stage   string    `json:"stage"` // begun, done or failed
	What    string    `json:"what"`
	Why     string    `json:"why"`               // the evidence
	Comment string    `json:"comment,omitempty"` // of whoever did it
	Error   string    `json:"error,omitempty"`
}

// audited notes an act, does it, and notes what came of it. Nothing is done that
// could not be noted before.
func audited(dir string, act Act, do func() error) error {
	act.Who, act.Host = whoever()
	if err := note(dir, act, "begun", nil); err != nil {
		return fmt.Errorf("nothing was done, because it cannot be noted: %w", err)
	}
	err := do()
	stage := "done"
	if err != nil {
		stage = "failed"
	}
	return errors.Join(err, note(dir, act, stage, err))
}

// note appends a line to the audit log and forces it.
func note(dir string, act Act, stage string, failure error) error {
	act.Time, act.Stage = time.Now().UTC(), stage
	if failure != nil {
		act.Error = failure.Error()
	}
	line, err := json.Marshal(act)
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, AuditFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	defer f.Close() //nolint:errcheck // Sync tells what became of the line
	if _, err := f.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("force the audit log: %w", err)
	}
	return syncDirectory(dir)
}

// Whoever names the person behind the process and the machine, as user@host.
func Whoever() string {
	who, host := whoever()
	return who + "@" + host
}

// whoever is the person behind the process, as far as the system tells.
func whoever() (who, host string) {
	who = fmt.Sprintf("uid %d", os.Getuid())
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	if as := os.Getenv("SUDO_USER"); as != "" {
		who = as + " as " + who
	}
	host, _ = os.Hostname() // "" if it is not known
	return who, host
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
