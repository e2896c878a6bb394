package cli

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// AddChoice adds a flag that takes one of a few words. The first is the
// default. The result points at the word chosen.
func AddChoice(flags *pflag.FlagSet, name, shorthand, usage string, words ...string) *string {
	c := &choice{word: words[0], words: words}
	flags.VarP(c, name, shorthand, usage+": "+either(words))
	return &c.word
}

type choice struct {
	word  string
	words []string
}

func (c *choice) String() string { return c.word }
func (c *choice) Type() string   { return "WORD" }

func (c *choice) Set(word string) error {
	if !slices.Contains(c.words, word) {
		return wantError(either(c.words))
	}
	c.word = word
	return nil
}

// wantError says what a setting must be; the setting and the value that it has
// are added where they are known.
type wantError string

func (e wantError) Error() string { return "must be " + string(e) }

// either joins words to "a, b or c".
func either(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
