#!/bin/sh
# Runs every fuzz target of the module for FUZZTIME (default 10s) each. Stops at
# the first finding, which go test keeps under the testdata folder of its package.
set -eu
cd "$(dirname "$0")/.."
grep -rE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*\(' . |
	sed -E 's|^\./(.*)/[^/]*_test\.go:func (Fuzz[A-Za-z0-9_]*).*|\1 \2|' |
	sort |
	while read -r package target; do
		echo "== $target in $package"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-10s}" -fuzzminimizetime 20x "./$package" </dev/null
	done
