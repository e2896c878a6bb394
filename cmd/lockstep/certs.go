package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

const (
	authorityKeyFile = "ca.key"
	authorityDays    = 3650
	identityDays     = 365
	// mostDays is more than any certificate should live.
	mostDays = 36500
)

func certsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "certs",
		GroupID: groupMend,
		Short:   "Make and show the certificates by which a cluster proves who is who",
		Long: `Make and show the certificates by which daemons and clients prove who they are. First
make an authority, once for a cluster; then have it issue one identity for each
daemon, and for each program or person that uses the cluster.

Every identity is a folder for --tls. Files are readable for their owner alone, and
none is ever overwritten. Keep the folder of the authority off the machines of the
cluster: whoever has its ca.key can be anybody.`,
		Example: `  lockstep certs ca --cluster prod --out ca
  lockstep certs coordinator c1 --ca ca --out c1
  lockstep certs shard 0 --ca ca --out shard0
  lockstep certs client billing --ca ca --out billing
  lockstep certs show shard0`,
	}
	cmd.AddCommand(certsAuthorityCommand())
	for _, role := range identity.Roles() {
		cmd.AddCommand(certsIssueCommand(role))
	}
	cmd.AddCommand(certsShowCommand())
	return cmd
}

// certsAuthoritySettings are the flags of certs ca.
type certsAuthoritySettings struct {
	cluster, out string
	days         int
}

func certsAuthorityCommand() *cobra.Command {
	var s certsAuthoritySettings
	cmd := &cobra.Command{
		Use:   "ca",
		Short: "Make the authority of a cluster",
		Long: `Make the authority of a cluster: ca.crt, which everybody may have, and ca.key, which
nobody may. The name of the cluster stands in every identity; daemons and clients of
clusters with different names refuse each other. It cannot be changed later.`,
		Example: "  lockstep certs ca --cluster prod --out ca",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&s.cluster, "cluster", "", "`NAME` of the cluster: small letters, digits and hyphens")
	f.StringVar(&s.out, "out", "", "`DIR` to write ca.crt and ca.key to; made if it does not exist")
	f.IntVar(&s.days, "days", authorityDays, "how long it is valid")
	cli.Require(cmd, "cluster", "out")
	return cmd
}

func (s certsAuthoritySettings) run(cmd *cobra.Command) error {
	if err := checkDays(s.days); err != nil {
		return err
	}
	now := time.Now()
	_, made, err := identity.NewAuthority(s.cluster, now, lasting(s.days))
	if err != nil {
		return cli.Usage(err)
	}
	err = identity.WriteFiles(s.out, identity.File{Name: authorityKeyFile, Content: made.Key}, identity.File{Name: identity.AuthorityFile, Content: made.Certificate})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "authority of %s in %s, until %s; keep %s secret\n", s.cluster, s.out, now.Add(lasting(s.days)).Format(time.DateOnly), filepath.Join(s.out, authorityKeyFile))
	return err
}

func checkDays(days int) error {
	if days < 1 || days > mostDays {
		return cli.Usagef("--days must be between 1 and %d, not %d", mostDays, days)
	}
	return nil
}

func lasting(days int) time.Duration { return time.Duration(days) * 24 * time.Hour }

// certsIssueSettings are the flags of certs coordinator, shard, client, operator and
// viewer.
type certsIssueSettings struct {
	role    identity.Role
	ca, out string
	hosts   []string
	days    int
}

// roleTexts says what a role is for.
var roleTexts = map[identity.Role]struct{ name, short, may string }{
	identity.Coordinator: {"NAME", "Issue the identity of a coordinator", "NAME is that of its --name, c1 if it is alone."},
	identity.Shard:       {"NUMBER", "Issue the identity of a shard", "NUMBER is that of its --id."},
	identity.Client:      {"NAME", "Issue the identity of a program that uses the cluster", "It may submit blocks and read keys, blocks and status."},
	identity.Operator:    {"NAME", "Issue the identity of a person that looks after the cluster", "It may see status, blocks, what is in doubt and what daemons tell of themselves, and change members and resolve; neither submit blocks nor read keys."},
	identity.Viewer:      {"NAME", "Issue the identity of whoever only looks", "It may see status, blocks, what is in doubt, dashboard and metrics; no keys, and change nothing."},
}

func certsIssueCommand(role identity.Role) *cobra.Command {
	s := certsIssueSettings{role: role}
	text := roleTexts[role]
	cmd := &cobra.Command{
		Use:     string(role) + " " + text.name,
		Short:   text.short,
		Long:    text.short + ": a folder with tls.crt, tls.key and ca.crt, for --tls.\n" + text.may,
		Example: fmt.Sprintf("  lockstep certs %s %s --ca ca --out %s", role, roleExample(role), roleFolder(role)),
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return s.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&s.ca, "ca", "", "`DIR` of the authority, with ca.crt and ca.key")
	f.StringVar(&s.out, "out", "", "`DIR` to write to; made if it does not exist")
	f.IntVar(&s.days, "days", identityDays, "how long it is valid")
	if role == identity.Coordinator || role == identity.Shard {
		f.StringSliceVar(&s.hosts, "host", nil, "`NAMES` and addresses, with commas between, by which browsers and scrapers reach its --http; nothing else depends on them")
	}
	cli.Require(cmd, "ca", "out")
	return cmd
}

func roleExample(role identity.Role) string {
	switch role {
	case identity.Coordinator:
		return "c1"
	case identity.Shard:
		return "0"
	}
	return "alice"
}

func roleFolder(role identity.Role) string {
	if role == identity.Shard {
		return "shard0"
	}
	return roleExample(role)
}

func (s certsIssueSettings) run(cmd *cobra.Command, id string) error {
	if err := checkDays(s.days); err != nil {
		return err
	}
	ca, certificate, err := readAuthority(s.ca)
	if err != nil {
		return err
	}
	cluster, err := ca.Cluster()
	if err != nil {
		return err
	}
	name := identity.Name{Cluster: cluster, Role: s.role, ID: id}
	if err := name.Validate(); err != nil {
		return cli.Usage(err)
	}
	now := time.Now()
	until := now.Add(lasting(s.days))
	if until.After(ca.Certificate.NotAfter) {
		return cli.Usagef("--days %d is longer than the authority lasts, which expires at %s: give fewer, or replace the authority", s.days, ca.Certificate.NotAfter.Format(time.DateOnly))
	}
	made, err := ca.Issue(name, s.hosts, now, until)
	if err != nil {
		return err
	}
	if err := identity.WriteFiles(s.out, made.Files(certificate)...); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s in %s, until %s\n", name, s.out, until.Format(time.DateOnly))
	return err
}

// readAuthority reads the folder that certs ca has made.
func readAuthority(dir string) (*identity.Authority, []byte, error) {
	certificate, err := os.ReadFile(filepath.Join(dir, identity.AuthorityFile))
	if err != nil {
		return nil, nil, fmt.Errorf("read the authority: %w", err)
	}
	key, err := os.ReadFile(filepath.Join(dir, authorityKeyFile))
	if err != nil {
		return nil, nil, fmt.Errorf("read the authority: %w", err)
	}
	ca, err := identity.ParseAuthority(identity.Issued{Certificate: certificate, Key: key})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dir, err)
	}
	return ca, certificate, nil
}
