package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exampleColumns is how wide the comments of an example are.
const exampleColumns = 80

const exampleHead = `# Settings of "%s %s". Each is a flag of that command as well, and
# a variable: --%s is %s. A flag beats the environment,
# and the environment beats this file. Lines behind a '#' show defaults, or
# examples where there is no default.
`

// WriteExample writes a config file for a command: every setting with what it
// means. Settings that the command needs are set; of all others the line shows
// the default, behind a '#'. Where a default says nothing, the value is that of
// examples, by the name of the flag. The flags of every command are those of
// root.
func WriteExample(w io.Writer, root, cmd *cobra.Command, examples map[string]string) error {
	var out strings.Builder
	fmt.Fprintf(&out, exampleHead, root.Name(), cmd.Name(), logLevelFlag, Variable(logLevelFlag))
	VisitFileSettings(func(f *pflag.Flag) { writeExample(&out, f, examples[f.Name]) }, cmd, root)
	_, err := io.WriteString(w, out.String())
	return err
}

func writeExample(out *strings.Builder, f *pflag.Flag, example string) {
	_, usage := pflag.UnquoteUsage(f)
	out.WriteByte('\n')
	for line := range strings.Lines(text.WrapSoft(usage, exampleColumns-len("# "))) {
		out.WriteString("# " + strings.TrimSpace(line) + "\n")
	}
	value := Text(f.Value)
	if example != "" {
		value = example
	}
	line := strings.TrimSpace(f.Name + ": " + value)
	if !IsRequired(f) {
		line = "#" + line
	}
	out.WriteString(line + "\n")
}

// IsRequired reports whether a command does nothing without a flag.
func IsRequired(f *pflag.Flag) bool {
	return slices.Contains(f.Annotations[cobra.BashCompOneRequiredFlag], "true")
}
