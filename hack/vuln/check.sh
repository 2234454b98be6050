#!/usr/bin/env bash
# Looks for known weaknesses in what is shipped, with the version pinned in go.mod beside
# this file. It ends with 0 when there are none that the operator's code reaches, with 1
# when there are, and with 3 when it could not look: its database is on the network.
#
# UPTAKE_VULNDB, where set, is the address of a copy of the database.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$(dirname "$here")")
program=$root/bin/govulncheck
export CGO_ENABLED=0 GOWORK=off GOOS=linux

mkdir -p "$root/bin"
GOOS='' go build -C "$here" -trimpath -buildvcs=false -o "$program" golang.org/x/vuln/cmd/govulncheck

status=0
said=$("$program" -C "$root" ${UPTAKE_VULNDB:+-db "$UPTAKE_VULNDB"} ./cmd/uptake 2>&1) || status=$?
echo "$said"
if ((status)) && [[ $said == *"fetching vulnerabilities"* ]]; then
	echo "NOT checked for known weaknesses: the database cannot be reached. This is no pass." >&2
	exit 3
fi
exit $((status ? 1 : 0))
