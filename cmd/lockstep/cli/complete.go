package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// completeAll tells the shell what can follow a command, those below it, and
// each of their flags: the words of a choice, files where the help says FILE,
// directories where it says DIR, and else nothing, where the shell by itself
// would offer files.
func completeAll(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		// An error means that the flag has a completion of its own.
		_ = cmd.RegisterFlagCompletionFunc(f.Name, completionOf(f))
	})
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.FixedCompletions(nil, directiveOf(cmd.Use))
	}
	for _, c := range cmd.Commands() {
		completeAll(c)
	}
}

// directiveOf says what a shell offers where the help says what.
func directiveOf(what string) cobra.ShellCompDirective {
	switch {
	case strings.Contains(what, "FILE"):
		return cobra.ShellCompDirectiveDefault
	case strings.Contains(what, "DIR"):
		return cobra.ShellCompDirectiveFilterDirs
	}
	return cobra.ShellCompDirectiveNoFileComp
}

func completionOf(f *pflag.Flag) cobra.CompletionFunc {
	if c, ok := f.Value.(*choice); ok {
		return cobra.FixedCompletions(c.words, cobra.ShellCompDirectiveNoFileComp)
	}
	if f.Name == configFlag {
		return cobra.FixedCompletions([]cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt)
	}
	what, _ := pflag.UnquoteUsage(f)
	return cobra.FixedCompletions(nil, directiveOf(what))
}
