package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Args gives a cobra.PositionalArgs that wants at least one argument, named
// what in the error, or exactly one if many is false.
func Args(what string, many bool) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return Usagef("%s needs a %s: see %s", nameOf(cmd), what, helpFor(cmd))
		case len(args) > 1 && !many:
			return Usagef("%s takes one %s, not %d: see %s", nameOf(cmd), what, len(args), helpFor(cmd))
		}
		return nil
	}
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usagef("%s takes no arguments, but has %q: see %s", nameOf(cmd), args[0], helpFor(cmd))
	}
	return nil
}

// explainGroups lets commands that only hold others say which those are, and
// commands that state no arguments refuse all.
func explainGroups(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		explainGroups(c)
	}
	switch {
	case cmd.HasSubCommands() && !cmd.Runnable():
		cmd.Args = known
		cmd.RunE = runGroup
	case cmd.Args == nil:
		cmd.Args = noArgs
	}
}

func runGroup(cmd *cobra.Command, _ []string) error {
	if !cmd.HasParent() {
		return cmd.Help()
	}
	return Usagef("%s needs one of %s: see %s", nameOf(cmd), either(subcommands(cmd)), helpFor(cmd))
}

// known refuses the first argument of a group: had it been a command of the
// group, that command would run.
func known(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	asked := nameOf(cmd) + " " + args[0]
	if !cmd.HasParent() {
		asked = args[0]
	}
	hint := didYouMean(args[0], subcommands(cmd), cmd.CommandPath()+" %s", "see "+helpFor(cmd))
	return Usagef("there is no command %q: %s", asked, hint)
}

func subcommands(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			names = append(names, c.Name())
		}
	}
	return names
}

// nameOf is the name of a command without that of the program.
func nameOf(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

func helpFor(cmd *cobra.Command) string {
	return fmt.Sprintf("%q", cmd.CommandPath()+" --help")
}

// flagError makes a sentence of what is wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	if cmd.HasSubCommands() && cmd.Flags().NArg() > 0 {
		return known(cmd, cmd.Flags().Args()) // the flag belongs to a command we do not know
	}
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown)
	case errors.As(err, &missing):
		return Usagef("--%s needs a value: see %s", missing.GetFlag().Name, helpFor(cmd))
	case errors.As(err, &invalid):
		return Usage(badValue("--"+invalid.GetFlag().Name, invalid.GetFlag(), invalid.GetValue(), invalid.Unwrap()))
	}
	return Usage(err)
}

func unknownFlag(cmd *cobra.Command, err *pflag.NotExistError) error {
	if short := err.GetSpecifiedShortnames(); short != "" {
		return Usagef("there is no flag -%s: see %s", err.GetSpecifiedName(), helpFor(cmd))
	}
	hint := didYouMean(err.GetSpecifiedName(), settingNames(cmd), "--%s", "see "+helpFor(cmd))
	return Usagef("there is no flag --%s: %s", err.GetSpecifiedName(), hint)
}

// required says which settings are missing, and where they can come from.
func required(cmd *cobra.Command) error {
	var missing []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if IsRequired(f) && (!f.Changed || f.Value.String() == "") {
			missing = append(missing, "--"+f.Name)
		}
	})
	if len(missing) == 0 {
		return nil
	}
	first := strings.TrimPrefix(missing[0], "--")
	file := ""
	if cmd.Flags().Lookup(configFlag) != nil {
		file = fmt.Sprintf(", or %q in the config file", first)
	}
	return Usagef("%s needs %s: give the flag, or set %s%s: see %s",
		nameOf(cmd), strings.Join(missing, " and "), Variable(first), file, helpFor(cmd))
}
