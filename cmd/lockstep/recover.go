package main

import "github.com/spf13/cobra"

func recoverCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "recover",
		GroupID: groupMend,
		Short:   "Look into the data directory of a stopped shard or coordinator",
		Long: `Look into the data directory of a shard or coordinator that is stopped. Nothing
on the disk is changed.`,
	}
	cmd.AddCommand(recoverDumpCommand(), recoverInspectCommand())
	return cmd
}
