package diagnose

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

// Daemon is what a daemon has to tell.
type Daemon struct {
	Build     cli.Build
	Settings  []cli.Setting
	Directory string // of its data
	Log       *Ring
	Ready     func() error
	Metrics   prometheus.Gatherer
	Status    func(context.Context) (any, error)
}

// Parts are those of a daemon.
func (d Daemon) Parts() map[string]Part {
	return map[string]Part{
		"version":     asJSON(func(context.Context) (any, error) { return d.Build, nil }),
		"settings":    asJSON(func(context.Context) (any, error) { return withoutSecrets(d.Settings), nil }),
		"environment": asJSON(func(context.Context) (any, error) { return Environment(), nil }),
		"machine":     asJSON(func(context.Context) (any, error) { return LookAtMachine(), nil }),
		"files":       asJSON(func(context.Context) (any, error) { return Files(d.Directory) }),
		"status":      asJSON(d.Status),
		"readiness":   d.readiness,
		"metrics":     d.metrics,
		"log": func(_ context.Context, to *bytes.Buffer, _ time.Duration) error {
			to.Write(d.Log.Bytes())
			return nil
		},
	}
}

func (d Daemon) readiness(_ context.Context, to *bytes.Buffer, _ time.Duration) error {
	if err := d.Ready(); err != nil {
		fmt.Fprintf(to, "not ready: %v\n", err)
		return nil
	}
	to.WriteString("ready\n")
	return nil
}

func (d Daemon) metrics(_ context.Context, to *bytes.Buffer, _ time.Duration) error {
	families, err := d.Metrics.Gather()
	if err != nil {
		return err
	}
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(to, family); err != nil {
			return err
		}
	}
	return nil
}

// asJSON makes a part of a value.
func asJSON(give func(context.Context) (any, error)) Part {
	return func(ctx context.Context, to *bytes.Buffer, _ time.Duration) error {
		value, err := give(ctx)
		if err != nil {
			return err
		}
		e := json.NewEncoder(to)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(value)
	}
}

// secretWords are in the names of settings that hold a secret. There is none yet;
// what is added later shall not be told because nobody thought of this.
var secretWords = []string{"password", "secret", "token", "credential"}

// hidden stands in the place of a secret.
const hidden = "(not told)"

func withoutSecrets(settings []cli.Setting) []cli.Setting {
	told := make([]cli.Setting, len(settings))
	for i, s := range settings {
		for _, word := range secretWords {
			if strings.Contains(s.Name, word) && s.Value != "" {
				s.Value = hidden
			}
		}
		told[i] = s
	}
	return told
}
