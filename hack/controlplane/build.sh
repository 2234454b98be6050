#!/usr/bin/env bash
# Builds the control plane that the tests and the demo run on, at the versions
# pinned in go.mod beside this file, and prints the folder that holds it.
#
#   hack/controlplane/build.sh [--with-controller-manager]
#
# Only what is missing or out of date is built. KUBEBUILDER_ASSETS, where set,
# wins: nothing is built then. Messages go to stderr, the folder to stdout.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
assets=$(dirname "$(dirname "$here")")/bin/k8s

programs=(kube-apiserver etcd kubectl)
case "$*" in
"") ;;
--with-controller-manager) programs+=(kube-controller-manager) ;;
*)
	echo "usage: $0 [--with-controller-manager]" >&2
	exit 2
	;;
esac

say() { echo "control plane: $*" >&2; }

if [[ -n ${KUBEBUILDER_ASSETS:-} ]]; then
	for program in "${programs[@]}"; do
		[[ -x $KUBEBUILDER_ASSETS/$program ]] && continue
		say "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS has no $program."
		say "Add it there, or unset KUBEBUILDER_ASSETS to have it built from source."
		exit 1
	done
	say "using KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS"
	echo "$KUBEBUILDER_ASSETS"
	exit
fi

# Equal between builds, or every package would be compiled twice.
export CGO_ENABLED=0 GOWORK=off GOFLAGS="-trimpath -buildvcs=false"

package_of() {
	case $1 in
	etcd) echo go.etcd.io/etcd/server/v3 ;;
	*) echo "k8s.io/kubernetes/cmd/$1" ;;
	esac
}

# Without these the server calls itself v0.0.0, and kubectl and Helm complain.
version=$(go list -C "$here" -m -f '{{.Version}}' k8s.io/kubernetes)
IFS=. read -r major minor _ <<<"${version#v}"
ldflags="-s -w"
for at in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
	ldflags+=" -X $at.gitVersion=$version -X $at.gitMajor=$major -X $at.gitMinor=$minor"
done

# Whatever was built from other pins is built anew.
mkdir -p "$assets"
pins=$(cat "$here"/go.{mod,sum} <(go env GOVERSION; echo "$GOFLAGS $ldflags") | git hash-object --stdin)
if [[ $(cat "$assets/.pins" 2>/dev/null) != "$pins" ]]; then
	rm -f "$assets"/*
	echo "$pins" >"$assets/.pins"
fi

build() {
	local program=$1 package log=$assets/$1.log start=$SECONDS total pid
	package=$(package_of "$program")

	say "$program: fetching its sources"
	total=$(go list -C "$here" -deps "$package" 2>"$log" | wc -l) || { tail -n 20 "$log" >&2; exit 1; }

	say "$program: compiling up to $total packages, fewer where Go has them cached"
	go build -C "$here" -v -ldflags "$ldflags" -o "$assets/$program" "$package" 2>"$log" &
	pid=$!
	trap 'kill $pid 2>/dev/null' EXIT
	while sleep 1 && kill -0 $pid 2>/dev/null; do
		(((SECONDS - start) % 15)) ||
			say "$program: $(wc -l <"$log") of at most $total packages after $((SECONDS - start)) s"
	done
	if ! wait $pid; then
		say "$program: the build failed; its last lines:"
		tail -n 20 "$log" >&2
		exit 1
	fi
	trap - EXIT
	rm "$log"
	say "$program: built in $((SECONDS - start)) s"
}

missing=()
for program in "${programs[@]}"; do
	[[ -x $assets/$program ]] || missing+=("$program")
done
if ((${#missing[@]})); then
	say "building Kubernetes $version from source: ${missing[*]}"
	say "The first time this takes 7 to 10 minutes on two cores; afterwards it is cached."
	for program in "${missing[@]}"; do
		build "$program"
	done
fi
echo "$assets"
