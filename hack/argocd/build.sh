#!/usr/bin/env bash
# Makes sure that Argo CD, at the version pinned in go.mod beside this file, and the
# Redis that it needs are there, and prints where, as lines NAME=VALUE. Messages go to
# stderr.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
module=$here/argocd
folder=$(dirname "$here")/bin/argocd
package=github.com/argoproj/argo-cd/v3

say() { echo "argocd: $*" >&2; }
remedy="Install Redis, so that redis-server is on the PATH."
# shellcheck source=hack/debian.sh
source "$here/debian.sh"

mkdir -p "$folder"
export CGO_ENABLED=0 GOWORK=off GOFLAGS="-trimpath -buildvcs=false"
version=$(go list -C "$module" -m -f '{{.Version}}' $package)
ldflags="-s -w -X $package/common.version=${version#v}"
wanted=$(cat "$module"/go.{mod,sum} "${BASH_SOURCE[0]}" <(go env GOVERSION) | git hash-object --stdin)
if [[ ! -x $folder/argocd || $(cat "$folder/.pins" 2>/dev/null) != "$wanted" ]]; then
	say "compiling $version; the first time this takes 6 to 10 minutes on two cores"
	rm -rf "$folder/argocd" "$folder/crds" "$folder/roles"
	go build -C "$module" -ldflags "$ldflags" -o "$folder/argocd" $package/cmd
	manifests=$(go list -C "$module" -m -f '{{.Dir}}' $package)/manifests
	mkdir -p "$folder/crds" "$folder/roles"
	install -m 644 "$manifests"/crds/*-crd.yaml "$folder/crds"
	install -m 644 "$manifests"/{cluster-rbac,base}/server/*role.yaml "$folder/roles"
	echo "$wanted" >"$folder/.pins"
fi

redis() {
	local root=$folder/redis program
	if program=$(command -v redis-server); then
		echo "$program"
		return
	fi
	program=$root/usr/bin/redis-server
	runs "$program" "$root" || {
		fetch redis-server "$root" '^(redis-.*|lib.*)$'
		runs "$program" "$root" || { say "$program does not run"; exit 1; }
	}
	# It finds its libraries below its own folder.
	printf '#!/bin/sh\nexec env LD_LIBRARY_PATH="%s" "%s" "$@"\n' "$(libraries "$root")" "$program" >"$folder/redis-server"
	chmod +x "$folder/redis-server"
	echo "$folder/redis-server"
}

echo "UPTAKE_REDIS=$(redis)"
echo "UPTAKE_ARGOCD=$folder/argocd"
