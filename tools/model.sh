#!/bin/sh
# Checks the Promela model of the protocol in docs/model: with all rules kept no
# search may find a violation, and with any one of them removed one must be found.
# MODEL=quick (default full) leaves the large searches out. KEEP=folder keeps what
# was generated, and so the counterexamples. Needs spin and a C compiler.
set -eu
cd "$(dirname "$0")/.."
model=$PWD/docs/model
for tool in spin "${CC:-cc}"; do
	command -v "$tool" >/dev/null || { echo "$tool is not installed: the model needs it, try apt-get install -y spin gcc" >&2; exit 1; }
done
case ${MODEL:-full} in
quick | full) ;;
*) echo "MODEL is \"$MODEL\", want quick or full" >&2; exit 1 ;;
esac
work=${KEEP:-$(mktemp -d)}
mkdir -p "$work"
[ -n "${KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
failed=0

# generate FOLDER FLAGS CFLAGS: the checker, in a folder of its own.
generate() {
	mkdir -p "$1" && cp "$model"/*.pml "$1"
	# The flags are words.
	# shellcheck disable=SC2086
	(cd "$1" && spin -a $2 lockstep.pml >spin.out && ${CC:-cc} -w -DNOFAIR -DNOREDUCE -DVECTORSZ=2048 $3 -o pan pan.c) ||
		{ echo "the model with $2 does not compile: see $1" >&2; exit 1; }
}

figure() { sed -nE "s/$2/\1/p" "$1/pan.out" | head -n 1; }

report() { printf '%-34s %-44s %11s %6s %7s  %s\n' "$@"; }

# kept NAME SEARCH FLAGS: no violation, and the search was complete.
# SEARCH: exact; cycles, exact and no execution without end (faults are used up, so
# each is a livelock).
kept() {
	dir=$work/kept-$1
	case $2 in
	exact) cflags='-O1 -DSAFETY' options='-w24' ;;
	cycles) cflags='-O1 -DNP' options='-l -w24' ;;
	esac
	generate "$dir" "$3" "$cflags"
	# shellcheck disable=SC2086
	(cd "$dir" && nice -n 15 ./pan -m100000 -n -E $options >pan.out 2>&1) || true
	verdict=PASS
	if [ "$(figure "$dir" '.*errors: ([0-9]+)$')" != 0 ]; then
		verdict="FAIL: a violation, see the README of the model"
	elif grep -qE 'max search depth too small|not completed' "$dir/pan.out"; then
		verdict="FAIL: the search was not complete"
	fi
	line "$1, $2" "$3"
}

# removed FLAGS FAULTS: the search gives a shortest counterexample.
removed() {
	dir=$work/removed-$(echo "$1" | tr -d ' ')
	generate "$dir" "$(echo "$1" | sed -E 's/(^| )/\1-D/g') $2" '-DSAFETY -DREACH'
	(cd "$dir" && nice -n 15 ./pan -m1000 -n -E -i -w22 >pan.out 2>&1) || true
	verdict="FAIL: nothing found"
	if [ -f "$dir/lockstep.pml.trail" ]; then
		verdict="PASS, breaks $(broken "$dir" "$(echo "$1" | sed -E 's/(^| )/\1-D/g') $2")"
	fi
	line "without $(echo "$1" | sed 's/NO_//g')" "$2"
}

# broken FOLDER FLAGS: the invariant named on the line where the replay ends.
broken() {
	# shellcheck disable=SC2086
	(cd "$1" && spin -t $2 lockstep.pml >trail.out 2>&1) || true
	at=$(sed -nE 's/^spin: ([a-z]+\.pml):([0-9]+), Error: assertion violated.*/\1 \2/p' "$1/trail.out" | head -n 1)
	[ -n "$at" ] || return 0
	sed -n "${at#* }p" "$1/${at% *}" | grep -oE '(I[0-9]_|NO_[DL]|REPLAY_)[A-Z_]*' | head -n 1
}

line() {
	depth=$(figure "$dir" '.*depth reached ([0-9]+).*')
	case $verdict in FAIL*) failed=1 ;; PASS,*) depth=$(grep -cE '^ *(coordinator|shard|a new|the (session|decisions)|a decision|late)' "$dir/trail.out") ;; esac
	report "$1" "$(echo "$2" | sed 's/-D//g')" "$(figure "$dir" ' *([0-9.e+]+) states, stored.*')" "$depth" \
		"$(figure "$dir" 'pan: elapsed time ([0-9.e-]+) seconds')" "$verdict"
}

# Every rule of the table in protocol/doc.go is in the model, or its README says why not.
for rule in $(sed -nE '/^\/\/ # Where the rules are/,/^\/\/ # Replay/s/^\/\/\t([CS][0-9]+) .*/\1/p' protocol/doc.go); do
	grep -qE "(^|[^A-Za-z0-9_])$rule([^A-Za-z0-9_]|\$)" "$model"/*.pml || grep -qE "^\| $rule \|" "$model/README.md" ||
		{ echo "rule $rule of protocol/doc.go is neither in docs/model/*.pml nor among those that its README leaves out" >&2; failed=1; }
done

report search "faults and flags" states length seconds result
. "$model/searches.sh"
[ "$failed" = 0 ] || { echo "the model does not hold: see the lines with FAIL" >&2; exit 1; }
