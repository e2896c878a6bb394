package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/submit"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor/ledger/txfile"
)

// submitSettings are the flags of submit.
type submitSettings struct {
	coordinator *string
	format      cli.Format
	blockSize   int
	pipeline    int
	outcomes    bool
	timeout     time.Duration
	tracing     tracingSettings
}

func submitCommand() *cobra.Command {
	var s submitSettings
	cmd := &cobra.Command{
		Use:     "submit FILE...",
		GroupID: groupUse,
		Short:   "Submit transaction files and wait for the decisions",
		Long: `Submit files of transactions, as JSON Lines, one transaction a line; "-" is
standard input, and .gz is understood. Consecutive lines with the same "block"
form one block under that key; lines without it are batched.

Blocks are committed in the order of the files, with --pipeline of them under
way at once. Each is sent until its outcome is known; if one is not committed,
nothing behind it is. Submitting the same file again is always safe: blocks that
are committed already answer with their first result and change nothing.`,
		Example: `  lockstep submit transfers.jsonl
  zcat trace.jsonl.gz | lockstep submit -o json --outcomes -`,
		Args: cli.Args("FILE", true),
		RunE: func(cmd *cobra.Command, files []string) error { return s.run(cmd, files) },
	}
	s.coordinator = addCoordinator(cmd)
	s.format = cli.AddFormat(cmd)
	cmd.Flags().IntVar(&s.blockSize, "block-size", txfile.DefaultBlockSize, "most transactions of a block that the file does not name")
	cmd.Flags().IntVar(&s.pipeline, "pipeline", 8, "most blocks under way at once; they commit in the order of the file all the same")
	cmd.Flags().BoolVar(&s.outcomes, "outcomes", false, "print the outcome of every transaction")
	cmd.Flags().DurationVar(&s.timeout, "timeout", 5*time.Minute, "how long to try for each block, before it is withdrawn or its outcome is unknown")
	s.tracing.addFlags(cmd)
	return cmd
}

func (s submitSettings) run(cmd *cobra.Command, files []string) error {
	if err := errors.Join(positive("block-size", s.blockSize), positive("pipeline", s.pipeline), positive("timeout", s.timeout), s.tracing.validate()); err != nil {
		return cli.Usage(err)
	}
	if err := submit.Check(files); err != nil {
		return cli.Usage(err)
	}
	return withCoordinator(cmd, *s.coordinator, func(c *client.Coordinator) error { return s.submit(cmd, c, files) })
}

func (s submitSettings) submit(cmd *cobra.Command, c *client.Coordinator, files []string) error {
	w := watcher(cmd)
	defer w.Close()
	c.OnRetry(w.Retrying)
	limits, err := c.AwaitLimits(cmd.Context(), s.timeout, w.Retrying)
	if err != nil {
		return cli.Unknown(err)
	}
	traces, err := s.tracing.start(cmd, "client", "submit")
	if err != nil {
		return err
	}
	defer traces.Close()
	p := submit.NewPrinter(cmd.OutOrStdout(), s.format.JSON(), s.outcomes)
	err = submit.Run(cmd.Context(), c, submit.Options{
		Files: files, Input: cmd.InOrStdin(), Read: txfile.Options{BlockSize: s.blockSize, Limits: limits},
		Pipeline: s.pipeline, Timeout: s.timeout, Outcomes: s.outcomes, Retrying: w.Retrying, Tracer: traces.Tracer(),
	}, func(r submit.Result) error {
		w.Result(r)
		return p.Result(r)
	})
	w.Close()
	return errors.Join(markUnknown(err), p.Close())
}

// markUnknown gives an outcome that is not known its exit code.
func markUnknown(err error) error {
	var e *submit.NotCommitted
	if errors.As(err, &e) && e.Answer.Decision == client.Unknown {
		return cli.Unknown(err)
	}
	return err
}
