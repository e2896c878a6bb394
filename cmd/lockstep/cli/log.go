package cli

import (
	"context"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	logLevelFlag  = "log-level"
	logFormatFlag = "log-format"
)

// Logger gives the logger that the command line asks for. It writes to
// standard error. A context that did not come from Run has one that is silent.
func Logger(ctx context.Context) hclog.Logger {
	if r, ok := ctx.Value(runKey{}).(*run); ok {
		return r.log
	}
	return hclog.NewNullLogger()
}

func addLogFlags(flags *pflag.FlagSet) {
	AddChoice(flags, logLevelFlag, "", "what to log on standard error", "info", "trace", "debug", "warn", "error", "off")
	AddChoice(flags, logFormatFlag, "", "how to log", "text", "json")
}

func newLogger(cmd *cobra.Command) hclog.Logger {
	json := cmd.Flag(logFormatFlag).Value.String() == "json"
	return events{text: !json, Logger: hclog.New(&hclog.LoggerOptions{
		Name:       cmd.Root().Name(),
		Level:      hclog.LevelFromString(cmd.Flag(logLevelFlag).Value.String()),
		JSONFormat: json,
		Output:     cmd.ErrOrStderr(),
		TimeFormat: "2006-01-02T15:04:05.000Z07:00",
	})}
}
