# Weir's house-keeping. `make` alone lists the targets.
#
# build, run, test, fuzz and lint need Go alone (lint fetches its pinned tools through the module proxy);
# race needs a C compiler; bench compares with the peers it finds and installs nothing.

GO          ?= go
PKG         ?= ./...
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS      = -s -w -X weir/cmd.version=$(VERSION)
FUZZTIME    ?= 60s
STATICCHECK  = honnef.co/go/tools/cmd/staticcheck@v0.8.2
ERRCHECK     = github.com/kisielk/errcheck@v1.30.0

.DEFAULT_GOAL := help
.PHONY: help build run test race lint fmt fuzz soak bench check smoke cover arch

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/weir, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/weir ./cmd/weir

run: ## the demo: real sockets, live traffic, one endpoint killed and revived
	$(GO) run ./cmd/weir demo

test: ## all tests (PKG=./lb/... for some); needs Go alone, some 7 minutes on two cores
	$(GO) test -timeout 10m $(PKG)

race: ## all tests under the race detector (needs a C compiler)
	GORACE=atexit_sleep_ms=20 CGO_ENABLED=1 $(GO) test -race -short -vet=off -timeout 15m $(PKG)

lint: ## gofmt, vet, staticcheck, errcheck, module files; with the soak tests
	@echo 'gofmt -l .'; bad=$$(gofmt -l .); test -z "$$bad" || { echo "$$bad"; exit 1; }
	$(GO) vet -tags soak $(PKG)
	$(GO) run $(STATICCHECK) -tags soak -checks inherit,ST1000,ST1016,ST1020,ST1021,ST1022 $(PKG)
	$(GO) run $(ERRCHECK) -ignoretests -exclude .ci/errcheck.txt $(PKG)
	$(GO) mod verify
	$(GO) mod tidy -diff

fmt: ## format every Go file
	gofmt -l -w .

fuzz: ## every fuzz target for FUZZTIME each (60s)
	GO='$(GO)' .ci/fuzz $(FUZZTIME)

soak: ## the long tests: memory, reloads and drains under load, idle connections
	$(GO) test -tags soak -run Soak -v -count 1 -timeout 60m $(PKG)

bench: build ## CPU per request against every peer found here, written to docs/benchmarks.md (10 minutes)
	bin/weir bench peers --doc docs/benchmarks.md

smoke: build ## the built binary runs its demo without a failed request
	bin/weir version
	bin/weir demo

check: ## what must pass before a commit is shared: lint, test, race, fuzz (3s each), smoke
	$(MAKE) --no-print-directory lint
	$(MAKE) --no-print-directory test
	$(MAKE) --no-print-directory race
	$(MAKE) --no-print-directory fuzz FUZZTIME=3s
	$(MAKE) --no-print-directory smoke

cover: ## coverage.html
	$(GO) test -coverprofile coverage.out -coverpkg ./... $(PKG)
	$(GO) tool cover -html coverage.out -o coverage.html
	$(GO) tool cover -func coverage.out | tail -1

arch: ## rewrite the checked-in import graph; review the diff
	$(GO) test ./internal/arch -run Repository -update
