#!/usr/bin/env bash
# Runs every fuzz target for a while: go test takes only one at a time.
#
#   hack/fuzz.sh [TIME [TARGET=TIME]...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usual=${1:-30s}
declare -A own=()
for pair in "${@:2}"; do own[${pair%%=*}]=${pair#*=}; done

targets=$(grep -rE --include='*_test.go' --exclude-dir=bin -o '^func Fuzz[A-Za-z0-9_]*' . | sort || true)
[[ -n $targets ]] || { echo "no fuzz target found" >&2; exit 1; }
while IFS=: read -r file target; do
	target=${target#func }
	time=${own[$target]:-$usual}
	unset "own[$target]"
	echo "== $target in $(dirname "$file") for $time"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$(dirname "$file")"
done <<<"$targets"
((${#own[@]} == 0)) || { echo "no such fuzz target: ${!own[*]}" >&2; exit 1; }
