# Everything that is done with this project, by name. "make help" lists it.
# Needed: Go and make. A C compiler is optional: with one, tests run with the
# race detector.

.POSIX:
.DEFAULT_GOAL := help

GO       ?= go
BIN      := bin/lockstep
VERSION  ?= $(shell git describe --tags --always 2>/dev/null || echo devel)
COMMIT   ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
DATE     ?= $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null)
LDFLAGS  := -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)
TOOL     := $(GO) tool -modfile=tools/go.mod

# -race needs cgo; without it the tests run all the same.
RACE     ?= $(shell [ "$$($(GO) env CGO_ENABLED)" = 1 ] && command -v "$$($(GO) env CC)" >/dev/null && echo -race)
# Tests of whole clusters and their data run one after the other, without the
# detector: it would slow them down, and not look into other processes.
PROCESSES := /tests/(e2e|chaos|mutate|abuse|attack)(/|$$)
TESTFLAGS ?=
BENCH     ?= .
BENCHTIME ?= 0.3s
SUITE     ?= bars
BENCHFLAGS ?=
FUZZTIME  ?= 10s
MUTATETIME ?= 10s
FUZZFOR   ?= 0s
FUZZ      ?= .
FUZZFLAGS ?=
DEMOFLAGS ?=
SEED      ?= 1
SEEDS     ?= 2000
MINUTES   ?= 5
MODEL     ?= full

# A checkout that belongs to somebody else builds too.
export GOFLAGS := $(GOFLAGS) -buildvcs=false

.PHONY: help build demo test test-race test-processes test-package monitoring release release-check sim chaos attack model check format vet tidy fresh licensed lint docs generate licences bench microbench fuzz clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

build: ## build bin/lockstep
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/lockstep

demo: build ## run a cluster of real processes through load, faults and a proof
	$(BIN) demo $(DEMOFLAGS)

test: test-race test-processes ## run all tests (the test command of the project)

test-race: ## run the tests of the packages, with the race detector if there is a C compiler
	@$(GO) list ./... | grep -Ev '$(PROCESSES)' >/dev/null
	$(GO) test $(RACE) -p 3 -parallel 4 -timeout 5m $(TESTFLAGS) $$($(GO) list ./... | grep -Ev '$(PROCESSES)')

test-processes: ## run the tests of whole clusters
	@packages=$$($(GO) list ./... | grep -E '$(PROCESSES)' || true); \
	if [ -z "$$packages" ]; then echo 'no tests of whole clusters'; exit 0; fi; \
	set -x; $(GO) test -p 2 -parallel 4 -timeout 8m $(TESTFLAGS) $$packages

test-package: ## build the Debian package for this machine, and install, use and remove it in a folder (needs root)
	VERSION='$(VERSION)' COMMIT='$(COMMIT)' SOURCE_DATE_EPOCH="$${SOURCE_DATE_EPOCH:-0}" tools/release.sh dist/test "$$($(GO) env GOARCH)"
	$(GO) test ./tests/packaging -count 1 -v -package.deb="$$(echo "$$PWD"/dist/test/*.deb)"

monitoring: build ## test alerts and dashboard with the engine of Prometheus, a module of its own
	cd tests/monitoring && $(GO) mod tidy -diff && $(GO) vet ./... && LOCKSTEP_BINARY='$(abspath $(BIN))' $(GO) test -count 1 -timeout 8m $(TESTFLAGS) ./...

release: ## build what is published in dist: static binaries for amd64 and arm64, .tar.gz, .deb, bills of materials, SHA256SUMS
	tools/release.sh dist

release-check: ## prove that a release has the same bytes, built from a clone elsewhere without a cache (minutes)
	tools/release-check.sh

sim: ## simulate SEEDS=2000 clusters with faults, from SEED=1 on (SIMFLAGS=-sim.trace prints one)
	$(GO) test ./tests/sim -run '^TestSeeds$$' -count 1 -timeout 3h -v -sim.seed=$(SEED) -sim.seeds=$(SEEDS) $(SIMFLAGS)

chaos: ## torment real processes under load for MINUTES=5, by SEED=1
	$(GO) test ./tests/chaos -run '^TestChaos$$' -count 1 -timeout 3h -v -chaos.seed=$(SEED) -chaos.minutes=$(MINUTES) $(CHAOSFLAGS)

attack: ## have a cluster attacked by everybody for MINUTES=5 in plaintext and again with TLS, by SEED=1
	$(GO) test ./tests/attack -run '^TestAttack$$' -count 1 -timeout 3h -v -attack.seed=$(SEED) -attack.duration=$(MINUTES)m $(ATTACKFLAGS)

model: ## check the model of the protocol with spin (MODEL=quick for the small part)
	MODEL=$(MODEL) tools/model.sh

check: format vet tidy fresh licensed lint ## check form, modules, generated code, licences, and what linters find

format:
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "not formatted, run gofmt -w:"; echo "$$files"; exit 1; fi

vet:
	$(GO) vet ./...
	$(GO) vet -tags docs ./cmd/lockstep

tidy:
	$(GO) mod tidy -diff
	$(GO) mod verify
	cd tools/lint && $(GO) mod tidy -diff && $(GO) mod verify

fresh:
	tools/generate-check.sh

# Its own module, so that nothing of it is among what it looks at.
licensed:
	cd tools/licences && $(GO) mod tidy -diff && $(GO) vet ./... && $(GO) test ./... && $(GO) run . -root ../.. check

lint:
	$(TOOL) staticcheck ./...
	$(TOOL) staticcheck -tags docs ./cmd/lockstep
	cd tools/lint && $(GO) vet ./... && $(GO) test ./... && $(GO) build -o '$(abspath bin/lint)' . && '$(abspath bin/lint)' .
	bin/lint ./...
	bin/lint -tags docs ./cmd/lockstep

docs: ## generate docs/reference from the commands
	$(GO) run -tags docs ./cmd/lockstep reference docs/reference

licences: ## write docs/reference/licences.md, of all that is linked into the binary
	cd tools/licences && $(GO) run . -root ../.. table

generate: ## generate protocol/wirepb from its .proto files
	$(TOOL) buf format --write
	$(TOOL) buf generate

bench: build ## measure what docs/performance.md says: SUITE=bars, accounts, blocks or shards (BENCHFLAGS=-full)
	$(GO) run ./cmd/bench -binary $(BIN) $(BENCHFLAGS) $(SUITE)

microbench: ## run the benchmarks of single parts (BENCH=regexp, BENCHTIME=0.3s)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -timeout 30m $$(grep -rlE --include='*_test.go' '^func Benchmark' . | xargs -n 1 dirname | sort -u)

fuzz: ## run fuzz targets (FUZZ=regexp) for FUZZTIME=10s led by coverage and MUTATETIME=10s mutated, once or for FUZZFOR=1h, and count
	$(GO) run ./tests/fuzz/campaign -coverage $(FUZZTIME) -mutate $(MUTATETIME) -for $(FUZZFOR) -run '$(FUZZ)' $(FUZZFLAGS)

clean: ## remove what was built
	rm -rf bin dist
