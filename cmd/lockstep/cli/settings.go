package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	envPrefix  = "LOCKSTEP_"
	configFlag = "config"
)

// AddConfig lets a command take its settings from a file as well.
func AddConfig(cmd *cobra.Command) {
	cmd.Flags().String(configFlag, "", "read settings from this YAML `FILE`, whose keys are the names of these flags")
}

// ConfigFile is a cobra.PositionalArgs for commands with a config file: one
// argument, if there is any, stands for --config.
func ConfigFile(cmd *cobra.Command, args []string) error {
	file := cmd.Flags().Lookup(configFlag)
	switch {
	case len(args) == 0:
		return nil
	case len(args) > 1:
		return Usagef("%s takes one FILE, not %d: see %s", nameOf(cmd), len(args), helpFor(cmd))
	case file.Changed:
		return Usagef("%s takes its FILE once, as an argument or as --%s", nameOf(cmd), configFlag)
	}
	return cmd.Flags().Set(configFlag, args[0])
}

// bind sets the flags that the command line does not from the environment, and
// what that does not set from the config file.
func bind(cmd *cobra.Command) error {
	if err := bindEnvironment(cmd.Flags()); err != nil {
		return err
	}
	file := cmd.Flags().Lookup(configFlag)
	if file == nil || file.Value.String() == "" {
		return nil
	}
	return bindFile(cmd, file.Value.String())
}

func bindEnvironment(flags *pflag.FlagSet) error {
	var wrong error
	flags.VisitAll(func(f *pflag.Flag) {
		value := os.Getenv(Variable(f.Name))
		if f.Changed || value == "" || !isSetting(f) || overruled(flags, f) || wrong != nil {
			return
		}
		wrong = set(flags, f, Variable(f.Name), value, FromEnvironment, Variable(f.Name))
	})
	return wrong
}

// exclusive is where cobra notes the groups of flags that exclude each other.
const exclusive = "cobra_annotation_mutually_exclusive"

// overruled reports whether a flag that excludes f is set already, from a
// stronger source: it then beats f, as a flag beats its own variable.
func overruled(flags *pflag.FlagSet, f *pflag.Flag) bool {
	for _, group := range f.Annotations[exclusive] {
		for _, name := range strings.Fields(group) {
			if name != f.Name && flags.Changed(name) {
				return true
			}
		}
	}
	return false
}

// exclude refuses flags that exclude each other.
func exclude(cmd *cobra.Command) error {
	var wrong error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		for _, group := range f.Annotations[exclusive] {
			if set := changed(cmd.Flags(), strings.Fields(group)); len(set) > 1 && wrong == nil {
				wrong = Usagef("%s exclude each other: give one of them", strings.Join(set, " and "))
			}
		}
	})
	return wrong
}

func changed(flags *pflag.FlagSet, names []string) (set []string) {
	for _, name := range names {
		if flags.Changed(name) {
			set = append(set, "--"+name)
		}
	}
	return set
}

// set gives a flag a value, and notes where it comes from. An error calls the
// setting name.
func set(flags *pflag.FlagSet, f *pflag.Flag, name, value string, from Source, where string) error {
	err := flags.Set(f.Name, value)
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		err = badValue(name, f, value, invalid.Unwrap())
	}
	if err != nil {
		return Usage(err)
	}
	return flags.SetAnnotation(f.Name, sourceNote, []string{string(from), where})
}

// Variable is the variable that stands for a flag.
func Variable(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// isSetting reports whether a flag is one that changes what a command does, and
// not a question about the command.
func isSetting(f *pflag.Flag) bool { return f.Name != "help" && f.Name != "version" }

func settingNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if isSetting(f) && !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return names
}

// badValue says what a setting must be.
func badValue(source string, f *pflag.Flag, value string, cause error) error {
	var want wantError
	switch {
	case errors.As(cause, &want):
		return fmt.Errorf("%s %w, not %q", source, want, value)
	case errors.Is(cause, strconv.ErrRange):
		return fmt.Errorf("%s is out of range: %q", source, value)
	case wanted[f.Value.Type()] != "":
		return fmt.Errorf("%s must be %s, not %q", source, wanted[f.Value.Type()], value)
	}
	return fmt.Errorf("%s cannot be %q: %w", source, value, cause)
}

// wanted spells the types of flags for people.
var wanted = map[string]string{
	"int": "a whole number", "int64": "a whole number", "uint": "a whole number, 0 or more",
	"uint32": "a whole number, 0 or more", "uint64": "a whole number, 0 or more",
	"float64": "a number", "bool": "true or false", "duration": `a duration such as "1.5s" or "10m"`,
}
