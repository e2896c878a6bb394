#!/bin/sh
# Proves that a release can be built again: builds the commit that is checked out
# twice, from clones in folders of different names, the second time without
# anything that the first has left in the cache, and compares all bytes. What is
# not committed does not count. ARCH (default amd64) chooses the architectures.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
for name in first another/second; do
	git clone --quiet --no-local . "$work/$name"
done
# The architectures are words.
# shellcheck disable=SC2086
"$work/first/tools/release.sh" "$work/one" ${ARCH:-amd64} >/dev/null
# shellcheck disable=SC2086
GOCACHE=$work/cache TZ=Asia/Tokyo LC_ALL=C.UTF-8 "$work/another/second/tools/release.sh" "$work/two" ${ARCH:-amd64} >/dev/null
diff -u "$work/one/SHA256SUMS" "$work/two/SHA256SUMS" || {
	echo 'the two builds differ: a release cannot be built again' >&2
	exit 1
}
cat "$work/one/SHA256SUMS"
