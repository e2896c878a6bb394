#!/bin/sh
# Proves that the generated code is what the .proto files give, and docs/reference
# what the commands say: generates both into a temporary directory and compares.
# Also lints. Run anywhere; changes
# nothing in the checkout. Needs no network once the modules are downloaded.
set -eu
cd "$(dirname "$0")/.."
buf() { go tool -modfile=tools/go.mod buf "$@"; }

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
buf lint
buf format --diff --exit-code >/dev/null || {
	echo 'protocol/wirepb: run "go tool -modfile=tools/go.mod buf format --write"' >&2
	exit 1
}
buf generate --output "$fresh"
for file in protocol/wirepb/*.pb.go "$fresh"/protocol/wirepb/*.pb.go; do
	name=$(basename "$file")
	cmp -s "protocol/wirepb/$name" "$fresh/protocol/wirepb/$name" || {
		echo "protocol/wirepb/$name is not what the .proto files give: run \"go tool -modfile=tools/go.mod buf generate\"" >&2
		exit 1
	}
done

go run -tags docs ./cmd/lockstep reference "$fresh/reference"
for file in "$fresh"/reference/*.md; do
	name=$(basename "$file")
	cmp -s "$file" "docs/reference/$name" || {
		echo "docs/reference/$name is not what the commands say: run \"make docs\"" >&2
		exit 1
	}
done
