#!/usr/bin/env bash
# Every package's tests but those of e2e: unit.sh GO RACED...
# RACED run under the race detector, which needs a C compiler; without one they run as the rest does.
set -euo pipefail
go=$1
shift
raced_test=(env CGO_ENABLED=1 "$go" test -race)
if ! command -v "$(CGO_ENABLED=1 "$go" env CC)" >/dev/null; then
	echo "unit: no C compiler, so no race detector (Debian package gcc); the tests run without it"
	raced_test=("$go" test)
fi
raced=$("$go" list "$@")
rest=$("$go" list ./... | grep -vxF "$raced" | grep -v '/e2e$\|/e2e/')
status=0
# Both, so that one failure does not hide another.
"$go" test $rest | { grep -v '\[no test files\]$' || true; } || status=1
"${raced_test[@]}" $raced | { grep -v '\[no test files\]$' || true; } || status=1
exit $status
