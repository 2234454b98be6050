#!/usr/bin/env bash
# Builds Helm and kubeconform at the versions pinned in go.mod beside this file, and
# prints where they are, as lines NAME=PROGRAM. Messages go to stderr.
#
# UPTAKE_HELM and UPTAKE_KUBECONFORM, where set, win.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(dirname "$(dirname "$here")")/bin
mkdir -p "$bin"
export CGO_ENABLED=0 GOWORK=off

version=$(go list -C "$here" -m -f '{{.Version}}' helm.sh/helm/v4)

# build NAME PACKAGE LDFLAGS VARIABLE
build() {
	local program=$bin/$1 wanted
	[[ -z ${!4:-} ]] || { echo "$4=${!4}"; return; }
	wanted=$(cat "$here"/go.{mod,sum} <(go env GOVERSION; echo "$3") | git hash-object --stdin)
	if [[ ! -x $program || $(cat "$program.pins" 2>/dev/null) != "$wanted" ]]; then
		echo "$1: compiling; the first time this takes 1 to 3 minutes on two cores" >&2
		go build -C "$here" -trimpath -buildvcs=false -ldflags "$3" -o "$program" "$2" >&2
		echo "$wanted" >"$program.pins"
	fi
	echo "$4=$program"
}

build helm helm.sh/helm/v4/cmd/helm "-s -w -X helm.sh/helm/v4/internal/version.version=$version" UPTAKE_HELM
build kubeconform github.com/yannh/kubeconform/cmd/kubeconform "-s -w" UPTAKE_KUBECONFORM
