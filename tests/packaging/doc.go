// Package packaging holds the test of the Debian package: it is installed,
// used, upgraded, removed and purged below a folder of its own. It has no code
// of its own. "make test-package" builds the package and runs it.
package packaging
