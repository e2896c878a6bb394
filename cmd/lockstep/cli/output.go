package cli

import (
	"bytes"
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

// WriteJSON writes v as one line of JSON, which may be shown on a terminal.
func WriteJSON(w io.Writer, v any) error {
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(EscapedJSON(line.Bytes()))
	return err
}

// IsTerminal reports whether w is a terminal, where a line may be drawn over.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
