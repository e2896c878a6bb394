package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Build says what the binary was built from. Fields that the linker did not
// set are taken from the build information in the binary.
type Build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Date     string `json:"date"`     // of the commit, RFC 3339; "" if it is not known
	Modified bool   `json:"modified"` // the working tree differed from the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// VersionCommand prints the build.
func VersionCommand(b Build) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit, its date and the Go version of this binary",
	}
	format := AddFormat(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		build := b.Complete()
		if format.JSON() {
			return WriteJSON(cmd.OutOrStdout(), build)
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", cmd.Root().Name(), build)
		return err
	}
	return cmd
}

// String gives the build in one line.
func (b Build) String() string {
	commit := "commit " + b.Commit
	if b.Date != "" {
		commit += " of " + b.Date
	}
	if b.Modified {
		commit += ", modified"
	}
	return fmt.Sprintf("%s (%s, %s, %s)", b.Version, commit, b.Go, b.Platform)
}

// Complete fills in what the linker did not set.
func (b Build) Complete() Build {
	b.Go, b.Platform = runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH
	if info, ok := debug.ReadBuildInfo(); ok {
		b = b.from(info)
	}
	if b.Version == "" {
		b.Version = "development"
	}
	if b.Commit == "" {
		b.Commit = "unknown"
	}
	return b
}

func (b Build) from(info *debug.BuildInfo) Build {
	if b.Version == "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && b.Commit == "":
			b.Commit = s.Value
		case s.Key == "vcs.time" && b.Date == "":
			b.Date = s.Value
		case s.Key == "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
