package cli

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// UnknownVariables says, a sentence each, which variables of the environment
// look like settings but are those of no command: most likely a name is spelled
// wrong, and nothing else would tell.
func UnknownVariables(root *cobra.Command) []string {
	known := map[string]bool{}
	collectVariables(root, known)
	names := slices.Sorted(maps.Keys(known))
	var wrong []string
	for _, entry := range os.Environ() {
		variable, _, _ := strings.Cut(entry, "=")
		if name, ours := strings.CutPrefix(variable, envPrefix); ours && !known[name] {
			hint := didYouMean(name, names, envPrefix+"%s", "it has no effect")
			wrong = append(wrong, fmt.Sprintf("%s is a setting of no command: %s", variable, hint))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// collectVariables adds the variables of a command, without their prefix.
func collectVariables(cmd *cobra.Command, known map[string]bool) {
	add := func(f *pflag.Flag) {
		if isSetting(f) {
			known[strings.TrimPrefix(Variable(f.Name), envPrefix)] = true
		}
	}
	cmd.Flags().VisitAll(add)
	cmd.PersistentFlags().VisitAll(add)
	for _, c := range cmd.Commands() {
		collectVariables(c, known)
	}
}
