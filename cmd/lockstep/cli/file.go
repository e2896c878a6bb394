package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// maxConfigBytes bounds a config file, which has a few dozen lines.
const maxConfigBytes = 1 << 20

// bindFile sets the flags that are not set yet from a config file.
func bindFile(cmd *cobra.Command, path string) error {
	content, err := readConfig(path)
	if err != nil {
		return Usagef("cannot read the config file: %w", err)
	}
	lines, err := parseConfig(content)
	if err != nil {
		return Usagef("%s: %w", path, err)
	}
	for _, l := range lines {
		if err := l.bind(cmd, path); err != nil {
			return Usage(err)
		}
	}
	return nil
}

func readConfig(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err == nil && len(content) > maxConfigBytes {
		err = fmt.Errorf("%s is over %d bytes long: is it a config file?", path, maxConfigBytes)
	}
	return content, err
}

// setting is one key of a config file with its value, as written.
type setting struct {
	key   *yaml.Node
	value *yaml.Node
}

// parseConfig reads flat YAML. An empty file has no settings.
func parseConfig(content []byte) ([]setting, error) {
	var document, second yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(content))
	if err := documents.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := documents.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New(`there is more behind the line "---", which would not be read: a config file is one document`)
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	top := document.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, errors.New(`settings are lines of the form "name: value"`)
	}
	var settings []setting
	for i := 0; i+1 < len(top.Content); i += 2 {
		settings = append(settings, setting{key: top.Content[i], value: top.Content[i+1]})
	}
	return settings, unique(settings)
}

func unique(settings []setting) error {
	first := map[string]int{}
	for _, s := range settings {
		if line, twice := first[s.key.Value]; twice {
			return fmt.Errorf("%q is set on line %d and again on line %d", s.key.Value, line, s.key.Line)
		}
		first[s.key.Value] = s.key.Line
	}
	return nil
}

func (s setting) bind(cmd *cobra.Command, path string) error {
	name, at := s.key.Value, fmt.Sprintf("%s:%d", path, s.key.Line)
	f := cmd.Flags().Lookup(name)
	if f == nil || !inFile(f) {
		hint := didYouMean(name, fileKeys(cmd), "%s", "see "+helpFor(cmd))
		return fmt.Errorf("%s: there is no setting %q: %s", at, name, hint)
	}
	if f.Changed || overruled(cmd.Flags(), f) {
		return cmd.Flags().SetAnnotation(name, beatenNote, []string{at}) // by the command line or the environment
	}
	value, err := s.text(f)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	return set(cmd.Flags(), f, at+": "+name, value, FromFile, at)
}

func fileKeys(cmd *cobra.Command) (names []string) {
	VisitFileSettings(func(f *pflag.Flag) { names = append(names, f.Name) }, cmd)
	return names
}

// text gives the value as a flag takes it; a list only where the flag is one.
func (s setting) text(f *pflag.Flag) (string, error) {
	switch {
	case s.value.Kind == yaml.ScalarNode && s.value.Tag == "!!null":
		return "", fmt.Errorf("%q has no value", s.key.Value)
	case s.value.Kind == yaml.ScalarNode:
		return s.value.Value, nil
	case s.value.Kind == yaml.SequenceNode && f.Value.Type() == "stringSlice":
		return s.list()
	}
	return "", fmt.Errorf("%q must be a single value", s.key.Value)
}

func (s setting) list() (string, error) {
	var items []string
	for _, item := range s.value.Content {
		if item.Kind != yaml.ScalarNode || strings.ContainsAny(item.Value, ",\"\n") {
			return "", fmt.Errorf("%q must be a list of plain words", s.key.Value)
		}
		items = append(items, item.Value)
	}
	return strings.Join(items, ","), nil
}
