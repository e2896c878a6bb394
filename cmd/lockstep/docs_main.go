//go:build docs

// With the tag docs, this package is the generator of what is told about the
// binary rather than the binary itself, which so does without the packages that
// only this needs:
//
//	go run -tags docs ./cmd/lockstep reference DIR     Markdown for docs/reference
//	go run -tags docs ./cmd/lockstep man DIR           manual pages
//	go run -tags docs ./cmd/lockstep completions DIR   scripts for shells
//	go run -tags docs ./cmd/lockstep configs DIR       config files to begin with
//
// DIR is made if it does not exist. The same source gives the same bytes:
// manual pages have the date of SOURCE_DATE_EPOCH, in seconds, or none.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

func main() {
	r := cli.New("docs", "Generate what is told about lockstep", "")
	for name, generate := range map[string]func(dir string) error{
		"reference": reference, "man": manualPages, "completions": completions, "configs": configs,
	} {
		r.AddCommand(&cobra.Command{
			Use:  name + " DIR",
			Args: cli.Args("DIR", false),
			RunE: func(_ *cobra.Command, args []string) error {
				if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:G301 // pages for everybody to read
					return err
				}
				return generate(args[0])
			},
		})
	}
	os.Exit(cli.Run(context.Background(), r, os.Args[1:]))
}

// documented is the whole command line, with what the library adds to it.
func documented() *cobra.Command {
	r := root()
	r.InitDefaultCompletionCmd()
	r.DisableAutoGenTag = true
	return r
}

func manualPages(dir string) error {
	header := &doc.GenManHeader{Section: "1", Source: "lockstep " + version, Manual: "Lockstep", Date: new(time.Time)}
	if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return cli.Usagef("SOURCE_DATE_EPOCH must be seconds, not %q", epoch)
		}
		*header.Date = time.Unix(seconds, 0).UTC()
	}
	return doc.GenManTree(documented(), header, dir)
}

func completions(dir string) error {
	r := documented()
	for name, generate := range map[string]func(io.Writer) error{
		"lockstep.bash": func(w io.Writer) error { return r.GenBashCompletionV2(w, true) },
		"_lockstep":     r.GenZshCompletion,
		"lockstep.fish": func(w io.Writer) error { return r.GenFishCompletion(w, true) },
		"lockstep.ps1":  r.GenPowerShellCompletionWithDesc,
	} {
		if err := writeFile(dir, name, generate); err != nil {
			return err
		}
	}
	return nil
}

func configs(dir string) error {
	for _, kind := range daemonKinds {
		err := writeFile(dir, exampleFile(kind.name)+".yaml", func(w io.Writer) error { return kind.writeExample(w, root()) })
		if err != nil {
			return err
		}
	}
	return nil
}

func reference(dir string) error {
	for name, generate := range map[string]func(io.Writer, *cobra.Command) error{
		"commands.md": writeCommands, "configuration.md": writeConfiguration,
	} {
		if err := writeFile(dir, name, func(w io.Writer) error { return generate(w, documented()) }); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a file all at once.
func writeFile(dir, name string, generate func(io.Writer) error) error {
	var content bytes.Buffer
	if err := generate(&content); err != nil {
		return fmt.Errorf("generate %s: %w", name, err)
	}
	return os.WriteFile(filepath.Join(dir, name), content.Bytes(), 0o644) //nolint:G306 // pages for everybody to read
}
