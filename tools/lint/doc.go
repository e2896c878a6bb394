// Lint is the part of "make lint" that looks at errors and at security: errcheck finds
// calls whose error nobody looks at, errorlint errors that are compared or formatted
// without regard to what they wrap, and gosec what an attacker could use.
//
//	lint [-tags LIST] PACKAGES
//
// It prints what it finds, a line each, and exits with 1 if there is something, with 2
// if it cannot look. Each package is loaded once for all three, dependencies as the
// compiler has exported them, and tests not at all: what a test ignores shows in what it
// checks afterwards.
//
// What is not looked for at all, and why, stands in rules.go. A line that is right as it
// stands says so itself:
//
//	f.Close() //nolint:errcheck // it was only read
//
// The name is errcheck, errorlint, or a rule of gosec such as G204; several are joined by
// commas. An exception without a reason is a finding, and so is one that nothing needs.
// What gosec would read, such as #nosec, is a finding too.
package main
