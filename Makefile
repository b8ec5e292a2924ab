# The README's two commands are `make demo` and `make test`.
GO ?= go

# What has goroutines of its own runs under the race detector, where there is a C compiler
# for it. media stays outside: it counts allocations, and the detector makes some.
RACED = ./app ./call ./callback ./gateway ./internal/ladder ./internal/memnet ./registrar ./sip/... ./sipua ./store/... ./trunk
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 10s

.PHONY: build demo test setup lint fmt vet staticcheck unit e2e fuzz bench generate

build:
	$(GO) build -o bin/tocsin ./cmd/tocsin

demo: build
	./bin/tocsin demo

# Everything, as CI runs it. Nothing is skipped; what is missing is installed or named.
test: setup lint unit e2e

setup:
	@./scripts/setup.sh

lint: fmt vet staticcheck

fmt:
	@unformatted=$$(gofmt -l $$($(GO) list -f '{{.Dir}}' ./...)); \
	[ -z "$$unformatted" ] || { echo "not formatted (gofmt -w):"; echo "$$unformatted"; exit 1; }

vet:
	$(GO) vet ./...

staticcheck:
	$(GO) run $(STATICCHECK) ./...

unit:
	@./scripts/unit.sh "$(GO)" $(RACED)

# Alone, because it listens to what it says: a machine busy with other tests stutters. Its
# tests mostly wait for each other's voices.
e2e:
	$(GO) test -count=1 -parallel 6 ./e2e/...

# A while for each fuzz test; FUZZTIME says how long.
fuzz:
	@./scripts/fuzz.sh "$(GO)" "$(FUZZTIME)"

# Tocsin and a Kamailio under the same calls in turns, then the relay by itself. It takes
# root, Kamailio and a machine with nothing else to do; docs/performance.md reads the numbers.
bench:
	$(GO) run ./bench
	$(GO) run ./bench/relay

generate:
	$(GO) generate ./...
