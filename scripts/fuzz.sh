#!/usr/bin/env bash
# Each fuzz test for a while, one after the other: fuzz.sh GO TIME
set -euo pipefail
go=$1 time=$2
for package in $("$go" list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do
	for fuzz in $("$go" test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "fuzz: $package $fuzz"
		"$go" test -run '^$' -fuzz "^$fuzz\$" -fuzztime "$time" "$package"
	done
done
