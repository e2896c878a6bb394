package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator/client"
)

func clusterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "cluster",
		GroupID: groupMend,
		Short:   "Show and change the coordinators of a cluster",
		Long: `Show and change the coordinators of a cluster. Any of their addresses will do: the
one that leads is found. Changes are made one at a time, and one that would leave
no majority of coordinators that answer is refused.

To replace a coordinator whose disk is lost, remove it, start an empty one under a
name that was never used, with --join, and add that one.`,
	}
	cmd.AddCommand(membersCommand(), addMemberCommand(), removeMemberCommand(), transferCommand())
	return cmd
}

// membersSettings are the flags that all of them have.
type membersSettings struct {
	coordinator *string
	format      cli.Format
}

func (s *membersSettings) add(cmd *cobra.Command) {
	s.coordinator = addCoordinator(cmd)
	s.format = cli.AddFormat(cmd)
}

// membersJSON is what these commands print for programs.
type membersJSON struct {
	Coordinators report.Coordinators `json:"coordinators"`
}

// print prints who the coordinators are.
func (s *membersSettings) print(ctx context.Context, cmd *cobra.Command, c *client.Coordinator) error {
	found, err := c.Members(ctx)
	if err != nil {
		return err
	}
	all := report.Coordinators(report.MembersOf(found))
	if s.format.JSON() {
		return cli.WriteJSON(cmd.OutOrStdout(), membersJSON{all})
	}
	var out strings.Builder
	all.Write(&out)
	_, err = fmt.Fprint(cmd.OutOrStdout(), out.String())
	return err
}

func membersCommand() *cobra.Command {
	var s membersSettings
	cmd := &cobra.Command{
		Use:   "members",
		Short: "Show the coordinators of a cluster",
	}
	s.add(cmd)
	timeout := addTimeout(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withCoordinator(cmd, *s.coordinator, func(c *client.Coordinator) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), *timeout)
			defer cancel()
			return s.print(ctx, cmd, c)
		})
	}
	return cmd
}

func removeMemberCommand() *cobra.Command {
	var s membersSettings
	var force bool
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Take a coordinator out of a cluster",
		Long: `Take a coordinator out of a cluster, dead or alive. Its name is never used again.
One that leads has to hand over before: see "lockstep cluster transfer".`,
		Example: "  lockstep cluster remove c2",
		Args:    cli.Args("NAME", false),
	}
	s.add(cmd)
	timeout := cmd.Flags().Duration("timeout", changeTimeout, "how long to try")
	cmd.Flags().BoolVar(&force, "force", false, "remove it although those that stay and answer are no majority")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withCoordinator(cmd, *s.coordinator, func(c *client.Coordinator) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), *timeout)
			defer cancel()
			if err := c.RemoveMember(ctx, args[0], force); err != nil {
				return changeError(err)
			}
			return s.print(ctx, cmd, c)
		})
	}
	return cmd
}

func transferCommand() *cobra.Command {
	var s membersSettings
	cmd := &cobra.Command{
		Use:   "transfer [NAME]",
		Short: "Have another coordinator lead",
		Long: `Have another coordinator lead: the one that is named, or the one that is most up
to date. Clients and shards follow by themselves.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return cli.Args("NAME", false)(cmd, args)
		},
	}
	s.add(cmd)
	timeout := cmd.Flags().Duration("timeout", changeTimeout, "how long to try")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withCoordinator(cmd, *s.coordinator, func(c *client.Coordinator) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), *timeout)
			defer cancel()
			return s.transfer(ctx, cmd, c, strings.Join(args, ""))
		})
	}
	return cmd
}

// transferJSON is who leads, for programs.
type transferJSON struct {
	Leader  string `json:"leader"`
	Address string `json:"address"`
}

func (s *membersSettings) transfer(ctx context.Context, cmd *cobra.Command, c *client.Coordinator, to string) error {
	now, err := c.Transfer(ctx, to)
	if err != nil {
		return changeError(err)
	}
	if s.format.JSON() {
		return cli.WriteJSON(cmd.OutOrStdout(), transferJSON{now.GetLeader(), now.GetAddress()})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s at %s leads\n", report.Printable(now.GetLeader()), report.Printable(now.GetAddress()))
	return err
}
