#!/usr/bin/env bash
# Installs what the tests need beside Go, where it may: as root on a Debian or one of its
# kin. Elsewhere it says what is missing and ends with 1. Quick when nothing is.
set -euo pipefail

# found PROGRAM: also where Debian keeps PostgreSQL's own.
found() { command -v "$1" >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null; }

missing=()
# need PROGRAM PACKAGE WHAT-FOR
need() { found "$1" || missing+=("$2:$1:$3"); }

need sipp     sip-tester    "calls in the end-to-end tests"
need baresip  baresip-core  "telephones that speak and hear in the end-to-end tests"
need initdb   postgresql    "the store on PostgreSQL"
need xmllint  libxml2-utils "locations against their schemas"
need tshark   tshark        "captures of calls, read back"

if ! command -v go >/dev/null; then
	echo "setup: Go is not installed: https://go.dev/dl/ (the version in go.mod, or any from 1.21 on, which fetches it)" >&2
	exit 1
fi
[ ${#missing[@]} -eq 0 ] && exit 0

packages=()
for m in "${missing[@]}"; do packages+=("${m%%:*}"); done

say_what_to_do() {
	echo "setup: $1" >&2
	for m in "${missing[@]}"; do
		IFS=: read -r package program purpose <<<"$m"
		echo "  $program, for $purpose: Debian package $package" >&2
	done
	echo "Install them as root:  apt-get install --no-install-recommends ${packages[*]}" >&2
	exit 1
}

command -v apt-get >/dev/null || say_what_to_do "the tests need programs that are not here, and there is no apt-get to install them with"
[ "$(id -u)" -eq 0 ] || say_what_to_do "the tests need programs that are not here, and only root may install them"

export DEBIAN_FRONTEND=noninteractive
install() {
	apt-get -q update && apt-get -q -y install --no-install-recommends "${packages[@]}"
}
echo "setup: installing ${packages[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! install >"$log" 2>&1 && { echo "setup: apt-get failed; once more"; sleep 5; ! install >"$log" 2>&1; }; then
	tail -n 30 "$log" >&2
	say_what_to_do "apt-get could not install them"
fi
for m in "${missing[@]}"; do
	IFS=: read -r package program _ <<<"$m"
	found "$program" || { echo "setup: $package is installed, and $program still is not here" >&2; exit 1; }
done
