package main

import (
	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/serve"
)

// tracingSettings are the flags of commands that can be traced.
type tracingSettings struct {
	otlp  string
	ratio float64
}

func (s *tracingSettings) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.otlp, "otlp", "", "`ENDPOINT` of a collector that takes traces by OTLP over gRPC: HOST:PORT or a URL; empty for that of OTEL_EXPORTER_OTLP_ENDPOINT, or none")
	cmd.Flags().Float64Var(&s.ratio, "trace-ratio", 1, "part of the blocks that are traced, 0 to 1; the same on all nodes")
}

func (s *tracingSettings) validate() error {
	if !(s.ratio >= 0 && s.ratio <= 1) {
		return cli.Usagef("--trace-ratio must be between 0 and 1, not %v", s.ratio)
	}
	return cli.Usage(serve.CheckEndpoint(s.otlp))
}

// start begins to trace as one of the processes of a kind; nil if nobody takes traces.
func (s *tracingSettings) start(cmd *cobra.Command, service, instance string) (*serve.Tracing, error) {
	return serve.StartTracing(cmd.Context(), serve.TracingOptions{
		Endpoint: s.otlp, Ratio: s.ratio, Service: service, Instance: instance, Log: cli.Logger(cmd.Context()).Named("tracing"),
	})
}
