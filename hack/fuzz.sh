#!/usr/bin/env bash
# Runs every fuzz target for a while: go test takes only one at a time.
#
#   hack/fuzz.sh [TIME]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

targets=$(grep -rE --include='*_test.go' --exclude-dir=bin -o '^func Fuzz[A-Za-z0-9_]*' . | sort || true)
[[ -n $targets ]] || { echo "no fuzz target found" >&2; exit 1; }
while IFS=: read -r file target; do
	target=${target#func }
	echo "== $target in $(dirname "$file")"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-30s}" "$(dirname "$file")"
done <<<"$targets"
