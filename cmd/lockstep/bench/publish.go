package bench

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

// publish prints the report, and writes the page if one is wanted.
func (b *bench) publish(r Report) error {
	if b.options.HTML != "" {
		if err := writePage(b.options.HTML, r); err != nil {
			return err
		}
		b.story.Say("the page is in %s", b.options.HTML)
	}
	if b.options.JSON {
		return cli.WriteJSON(b.options.Out, r)
	}
	return writeTables(b.options.Out, r)
}

func writePage(path string, r Report) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	out := bufio.NewWriter(f)
	err = errors.Join(WriteHTML(out, r), out.Flush(), f.Close())
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}
