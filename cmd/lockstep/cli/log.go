package cli

import (
	"context"
	"io"
	"sync/atomic"

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

// AlsoLogTo has what is logged from now on written to w too, a line with each
// Write, which must not block and must be safe for concurrent use.
func AlsoLogTo(ctx context.Context, w io.Writer) {
	if r, ok := ctx.Value(runKey{}).(*run); ok && r.output != nil {
		r.output.also.Store(&w)
	}
}

// logOutput is where the log goes.
type logOutput struct {
	io.Writer
	also atomic.Pointer[io.Writer]
}

// Write tells of what became of the main output only.
func (o *logOutput) Write(p []byte) (int, error) {
	if also := o.also.Load(); also != nil {
		(*also).Write(p) //nolint:errcheck // who reads along misses a line, no more
	}
	return o.Writer.Write(p)
}

func addLogFlags(flags *pflag.FlagSet) {
	AddChoice(flags, logLevelFlag, "", "what to log on standard error", "info", "trace", "debug", "warn", "error", "off")
	AddChoice(flags, logFormatFlag, "", "how to log", "text", "json")
}

// jsonOutput is an output of JSON that may be shown on a terminal.
type jsonOutput struct{ io.Writer }

// Write counts what it was given, for what it writes may be longer.
func (o jsonOutput) Write(p []byte) (int, error) {
	if _, err := o.Writer.Write(EscapedJSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func newLogger(cmd *cobra.Command, output io.Writer) hclog.Logger {
	json := cmd.Flag(logFormatFlag).Value.String() == "json"
	if json {
		output = jsonOutput{output}
	}
	return events{text: !json, Logger: hclog.New(&hclog.LoggerOptions{
		Name:       cmd.Root().Name(),
		Level:      hclog.LevelFromString(cmd.Flag(logLevelFlag).Value.String()),
		JSONFormat: json,
		Output:     output,
		TimeFormat: "2006-01-02T15:04:05.000Z07:00",
	})}
}
