package cli

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
)

// New makes a root command in the frame of this package.
func New(name, short, long string) *cobra.Command {
	root := &cobra.Command{
		Use:               name,
		Short:             short,
		Long:              long,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: prepare,
	}
	addLogFlags(root.PersistentFlags())
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(helpCommand())
	root.SetUsageTemplate(usageTemplate)
	return root
}

// Run executes one command line and gives the exit code of the process. It
// prints the error, if there is one, as one sentence on standard error.
func Run(ctx context.Context, root *cobra.Command, args []string) int {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // so that a second signal has its usual effect

	r := &run{log: hclog.NewNullLogger()}
	root.InitDefaultCompletionCmd(args...)
	explainGroups(root)
	completeAll(root)
	root.SetArgs(args)
	err := r.execute(context.WithValue(ctx, runKey{}, r), root)
	if errors.Is(err, context.Canceled) {
		err = mark(ExitCode(err), errors.New("interrupted before it was done"))
	}
	if err != nil {
		fmt.Fprintf(root.ErrOrStderr(), "%s: %s\n", root.Name(), Sentence(err))
	}
	return ExitCode(err)
}

// run is the state of one execution, found through the context.
type run struct {
	log     hclog.Logger
	output  *logOutput // of log; nil before there is one
	started bool       // the command's own RunE has begun, or is about to
}

type runKey struct{}

func (r *run) execute(ctx context.Context, root *cobra.Command) (err error) {
	defer func() {
		if value := recover(); value != nil {
			r.log.Debug("panic", "value", value, "stack", string(debug.Stack()))
			err = fmt.Errorf("a fault in this program: %v: please report it, with the output of the same command with --log-level debug", value)
		}
	}()
	err = root.ExecuteContext(ctx)
	var marked *exitError
	if err != nil && !r.started && !errors.As(err, &marked) {
		return Usage(err)
	}
	return err
}

// prepare runs when the flags are parsed, before the command itself.
func prepare(cmd *cobra.Command, _ []string) error {
	if err := bind(cmd); err != nil {
		return err
	}
	if err := required(cmd); err != nil {
		return err
	}
	if err := exclude(cmd); err != nil {
		return err
	}
	if err := cmd.ValidateFlagGroups(); err != nil {
		return err
	}
	r, ok := cmd.Context().Value(runKey{}).(*run)
	if !ok {
		return nil
	}
	r.output = &logOutput{Writer: cmd.ErrOrStderr()}
	r.log = newLogger(cmd, r.output)
	r.started = true
	return nil
}

// Sentence gives the message of an error on one line, without anything that a
// terminal would act on: part of it may come from a server.
func Sentence(err error) string {
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' })
	return Escaped(strings.ReplaceAll(strings.Join(lines, "; "), "\t", " "))
}
