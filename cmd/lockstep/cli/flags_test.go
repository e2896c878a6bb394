package cli

import (
	"testing"

	"github.com/spf13/cobra"
)

// TestFlagsThatACommandLacks panic when they are required or completed, and others do
// as they should.
func TestFlagsThatACommandLacks(t *testing.T) {
	cmd := &cobra.Command{Use: "test", RunE: func(*cobra.Command, []string) error { return nil }}
	cmd.Flags().String("data", "", "")
	Require(cmd, "data")
	Complete(cmd, "data", "one", "two")
	cmd.SetArgs(nil)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.Execute(); err == nil {
		t.Error("runs without --data")
	}
	words, _ := cmd.GetFlagCompletionFunc("data")
	if got, _ := words(cmd, nil, ""); len(got) != 2 {
		t.Errorf("completes %v", got)
	}

	for name, do := range map[string]func(){
		"Require":  func() { Require(cmd, "data", "date") },
		"Complete": func() { Complete(cmd, "date", "one") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s of a flag that is not there does not panic", name)
				}
			}()
			do()
		}()
	}
}
