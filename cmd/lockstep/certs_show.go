package main

import (
	"crypto/x509"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// shownCertificate is one certificate as certs show describes it.
type shownCertificate struct {
	File     string    `json:"file"`
	Identity string    `json:"identity"` // "" for an authority
	Subject  string    `json:"subject"`
	Hosts    []string  `json:"hosts,omitempty"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	DaysLeft int       `json:"days_left"` // below 0 once it has expired
	Serial   string    `json:"serial"`
}

func certsShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show FILE|DIR...",
		Short: "Show whose certificates are, and how long they last",
		Long: `Show the certificates in files, or in the tls.crt and ca.crt of folders: whose they
are, until when they are valid, and how many days are left. Keys are not looked at.`,
		Example: "  lockstep certs show /etc/lockstep/tls",
		Args:    cobra.MinimumNArgs(1),
	}
	format := cli.AddFormat(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		all := []shownCertificate{}
		for _, path := range args {
			found, err := showCertificates(path, time.Now())
			if err != nil {
				return err
			}
			all = append(all, found...)
		}
		if format.JSON() {
			return cli.WriteJSON(cmd.OutOrStdout(), struct {
				Certificates []shownCertificate `json:"certificates"`
			}{all})
		}
		table := report.NewTable("FILE", "IDENTITY", "HOSTS", "VALID FROM", "UNTIL", ">DAYS LEFT")
		for _, c := range all {
			name := c.Identity
			if name == "" {
				name = c.Subject
			}
			table.Row(report.Printable(c.File), report.Printable(name), strings.Join(c.Hosts, ", "), c.From.Format(time.DateOnly), c.Until.Format(time.DateOnly), c.DaysLeft)
		}
		_, err := table.WriteTo(cmd.OutOrStdout())
		return err
	}
	return cmd
}

// showCertificates describes those of a file, or of a folder.
func showCertificates(path string, now time.Time) (all []shownCertificate, err error) {
	files := []string{path}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		files = nil
		for _, name := range []string{identity.CertificateFile, identity.AuthorityFile} {
			if _, err := os.Stat(filepath.Join(path, name)); err == nil {
				files = append(files, filepath.Join(path, name))
			}
		}
		if files == nil {
			return nil, fmt.Errorf("there is neither %s nor %s in %s: %w", identity.CertificateFile, identity.AuthorityFile, path, fs.ErrNotExist)
		}
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		list, err := identity.ParseCertificates(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, c := range list {
			all = append(all, describeCertificate(file, c, now))
		}
	}
	return all, nil
}

func describeCertificate(file string, c *x509.Certificate, now time.Time) shownCertificate {
	shown := shownCertificate{
		File: file, Subject: c.Subject.String(), Hosts: c.DNSNames, From: c.NotBefore.UTC(), Until: c.NotAfter.UTC(),
		DaysLeft: int(math.Floor(c.NotAfter.Sub(now).Hours() / 24)), Serial: c.SerialNumber.Text(16),
	}
	for _, ip := range c.IPAddresses {
		shown.Hosts = append(shown.Hosts, ip.String())
	}
	if name, err := identity.NameIn(c); err == nil {
		shown.Identity = name.String()
	}
	return shown
}
