// Package cli is the frame that every command of the binary runs in: where its
// settings come from, how it logs, how it fails, and how it prints.
//
// # Settings
//
// Every flag of every command can also come from the environment, as
// LOCKSTEP_ and the name of the flag in capitals with underscores
// (--block-size is LOCKSTEP_BLOCK_SIZE). Commands that call [AddConfig] also
// read a file of flat YAML whose keys are the names of the flags. A flag beats
// the environment, and the environment beats the file. A variable that is set
// to nothing counts as not set.
//
// # Errors
//
// A command returns an error from its RunE, and [Run] prints it as one
// sentence on standard error and chooses the exit code. [Usage], [Unknown] and
// [Refused] mark an error with its code; any other means "failed". Whatever
// goes wrong before RunE is wrong usage, so commands need not mark it.
//
// # What commands must keep to
//
// No hooks (PersistentPreRun, PreRun): Run owns them. Results go to
// cmd.OutOrStdout, all else to [Logger] or to cmd.ErrOrStderr. The context is
// cancelled by SIGINT and SIGTERM; a second signal ends the process at once.
package cli
