package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// Require makes flags of a command ones that must be given. A flag that the command
// does not have is a mistake in the program, and panics.
func Require(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(fmt.Sprintf("%s: require --%s: %v", cmd.CommandPath(), name, err))
		}
	}
}

// Complete has the shell offer words, and no files, for the value of a flag. It
// panics as Require does.
func Complete(cmd *cobra.Command, flag string, words ...cobra.Completion) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(fmt.Sprintf("%s: complete --%s: %v", cmd.CommandPath(), flag, err))
	}
}
