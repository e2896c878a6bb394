package cli

import (
	"encoding/json"
	"io"
	"os"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
)

const outputFlag = "output"

// Format is how results are printed.
type Format struct{ word *string }

// AddFormat adds -o, --output: tables for people, JSON for programs.
func AddFormat(cmd *cobra.Command) Format {
	return Format{AddChoice(cmd.Flags(), outputFlag, "o", "how to print results", "table", "json")}
}

// JSON reports whether results are for programs.
func (f Format) JSON() bool { return *f.word == "json" }

// WriteJSON writes v as one line of JSON.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// IsTerminal reports whether w is a terminal, where a line may be drawn over.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
