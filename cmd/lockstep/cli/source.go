package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Source is where the value of a setting comes from.
type Source string

// Sources, from the strongest to the weakest.
const (
	FromFlag        Source = "flag"
	FromEnvironment Source = "environment"
	FromFile        Source = "file"
	FromDefault     Source = "default"
)

// Setting is one flag of a command with the value that would be used.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  Source `json:"from"`
	// Where is the flag, the variable, or FILE:LINE; of a default what it stands for,
	// such as "3s" or "one per core", if the value does not say so itself.
	Where string `json:"where,omitempty"`
	// Beaten is the FILE:LINE that says something else about it, "" if none does.
	Beaten string `json:"beaten,omitempty"`
}

// Annotations of a flag, which tell where its value comes from.
const (
	sourceNote = "lockstep_source" // Source and place
	beatenNote = "lockstep_beaten" // place
)

// Settings lists what a command has been told and what it takes by default, in
// the order in which the flags were added, for a command that takes a config
// file. Call it from RunE, when all sources have been read.
func Settings(cmd *cobra.Command) []Setting {
	var list []Setting
	VisitFileSettings(func(f *pflag.Flag) {
		s := Setting{Name: f.Name, Value: Text(f.Value), From: FromDefault}
		if note := f.Annotations[sourceNote]; len(note) == 2 {
			s.From, s.Where = Source(note[0]), note[1]
		} else if f.Changed {
			s.From, s.Where = FromFlag, "--"+f.Name
		} else {
			s.Where = standsFor(f)
		}
		s.Beaten = strings.Join(f.Annotations[beatenNote], "")
		list = append(list, s)
	}, cmd)
	return list
}

// standsFor is what the value of a flag that nobody has set comes to, such as "3s" or
// "one per core", if its usage says so in "(default …)".
func standsFor(f *pflag.Flag) string {
	_, rest, found := strings.Cut(f.Usage, "(default ")
	if !found {
		return ""
	}
	return strings.TrimSuffix(rest, ")")
}

// String says where a setting comes from.
func (s Setting) String() string {
	from := s.Where
	if s.From == FromDefault {
		from = "default"
		if s.Where != "" {
			from += ": " + s.Where
		}
	}
	if s.Beaten != "" {
		from += fmt.Sprintf(", beats %s", s.Beaten)
	}
	return from
}

// Text writes the value of a flag the way a config file has it.
func Text(value pflag.Value) string {
	if list, ok := value.(pflag.SliceValue); ok {
		return strings.Join(list.GetSlice(), ",")
	}
	return value.String()
}

// VisitFileSettings calls visit for every flag of some commands that may be set
// in a config file, once each: first a command's own, in the order in which they
// were added, then those that it inherits.
func VisitFileSettings(visit func(*pflag.Flag), commands ...*cobra.Command) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	all.SortFlags = false
	for _, cmd := range commands {
		sorted := cmd.Flags().SortFlags
		cmd.Flags().SortFlags = false
		all.AddFlagSet(cmd.Flags())
		cmd.Flags().SortFlags = sorted
		all.AddFlagSet(cmd.PersistentFlags())
		all.AddFlagSet(cmd.InheritedFlags())
	}
	all.VisitAll(func(f *pflag.Flag) {
		if inFile(f) {
			visit(f)
		}
	})
}

// inFile reports whether a flag may be set in a config file.
func inFile(f *pflag.Flag) bool {
	return isSetting(f) && !f.Hidden && f.Name != configFlag && f.Name != outputFlag
}
