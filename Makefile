# The README's two commands are `make demo` and `make test`.
GO ?= go

.PHONY: test demo build vet setup

build:
	$(GO) build -o bin/tocsin ./cmd/tocsin

vet:
	$(GO) vet ./...

test: vet
	$(GO) test ./...

demo: build
	./bin/tocsin demo
