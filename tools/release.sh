#!/bin/sh
# Builds what is published: release.sh DIST [ARCH...] writes to the folder DIST, for
# each architecture of Linux (amd64 and arm64), a static binary with what belongs to
# it as .tar.gz, the same as .deb, a bill of materials, and SHA256SUMS over all.
#
# The same commit gives the same bytes, with the same version of Go, in any folder,
# on any day. Names and dates come from git; without it VERSION, COMMIT and
# SOURCE_DATE_EPOCH (the date of the commit, in seconds) must be set.
set -eu
dist=${1:?"usage: release.sh DIST [ARCH...]"}
shift
mkdir -p "$dist"
dist=$(cd "$dist" && pwd)
cd "$(dirname "$0")/.."
umask 022

VERSION=${VERSION:-$(git describe --tags --always --dirty)}
COMMIT=${COMMIT:-$(git rev-parse --short=12 HEAD)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
DATE=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
export SOURCE_DATE_EPOCH CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false' GOAMD64=v1 GOARM64=v8.0
stamp="-s -w -buildid= -X main.version=$VERSION -X main.commit=$COMMIT -X main.date=$DATE"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
# Tools run here, whatever they build for.
go build -ldflags "$stamp" -tags docs -o "$stage/docs" ./cmd/lockstep
go build -modfile=tools/go.mod -o "$stage/nfpm" github.com/goreleaser/nfpm/v2/cmd/nfpm
go build -C tools/licences -o "$stage/licences" .
"$stage/licences" texts >"$stage/THIRD_PARTY_LICENSES"

# shared FOLDER: what is the same for all architectures.
shared() {
	"$stage/docs" man "$1/man"
	gzip -9n "$1"/man/*.1
	"$stage/docs" completions "$1/completions"
	"$stage/docs" configs "$1/config"
	mkdir "$1/systemd" "$1/monitoring"
	install -m 644 packaging/systemd/*.service "$1/systemd"
	install -m 644 packaging/prometheus/alerts.yml packaging/grafana/lockstep.json "$1/monitoring"
	install -m 644 packaging/sysusers.conf LICENSE "$stage/THIRD_PARTY_LICENSES" README.md "$1"
}

# debian_version turns what git describe says into a version that sorts: v1.2.3 is
# 1.2.3, the fourth commit after it 1.2.3+4.gabc1234, and abc1234 0+gabc1234.
debian_version() {
	case $VERSION in
	v[0-9]*) echo "${VERSION#v}" | sed -E 's/-([0-9]+)-g([0-9a-f]+)/+\1.g\2/; s/-/./g' ;;
	*) echo "0+g$VERSION" | sed 's/-/./g' ;;
	esac
}

# archive FOLDER FILE: the folder as .tar.gz, without a trace of who made it when.
archive() {
	tar -C "$(dirname "$1")" --sort=name --format=ustar --mtime="@$SOURCE_DATE_EPOCH" \
		--owner=0 --group=0 --numeric-owner --mode=u+rw,go+r-w,a+X -cf - "$(basename "$1")" | gzip -9n >"$2"
}

[ $# -gt 0 ] || set -- amd64 arm64
rm -f "$dist"/lockstep_* "$dist/SHA256SUMS"
for arch in "$@"; do
	folder=$stage/lockstep_${VERSION}_linux_$arch
	mkdir "$folder"
	shared "$folder"
	GOOS=linux GOARCH=$arch go build -ldflags "$stamp" -o "$folder/lockstep" ./cmd/lockstep
	"$stage/licences" sbom "$folder/lockstep" "$VERSION" >"$folder/lockstep.cdx.json"
	"$stage/licences" verify "$folder/lockstep.cdx.json" "$folder/lockstep"
	install -m 644 "$folder/lockstep.cdx.json" "$dist/$(basename "$folder").cdx.json"
	archive "$folder" "$dist/$(basename "$folder").tar.gz"
	cp -R packaging/debian "$folder"
	(cd "$folder" && ARCH=$arch VERSION=$(debian_version) "$stage/nfpm" package --config "$OLDPWD/packaging/nfpm.yaml" \
		--packager deb --target "$dist/lockstep_$(debian_version)_$arch.deb" >/dev/null)
done
(cd "$dist" && sha256sum ./*.tar.gz ./*.deb ./*.cdx.json | sed 's| \./| |' >SHA256SUMS)
cat "$dist/SHA256SUMS"
