#!/usr/bin/env bash
# Makes sure that a real Prometheus is there for the tests of its driver, and
# prints the path of the program. Messages go to stderr.
#
# UPTAKE_PROMETHEUS, where set, wins; then a prometheus on the PATH; then Debian's
# package, unpacked into bin/ and never installed, so that no service is started.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(dirname "$here")/bin/prometheus
program=$folder/usr/bin/prometheus

say() { echo "prometheus: $*" >&2; }

use() {
	if ! "$1" --version >/dev/null 2>&1; then
		say "$1 does not run:"
		"$1" --version >&2 || true
		exit 1
	fi
	echo "$1"
	exit
}

[[ -z ${UPTAKE_PROMETHEUS:-} ]] || use "$UPTAKE_PROMETHEUS"
! on_path=$(command -v prometheus) || use "$on_path"
[[ ! -x $program ]] || use "$program"

if ! command -v apt-get >/dev/null; then
	say "no prometheus on the PATH, and this machine has no Debian packages."
	say "Install Prometheus 2.40 or newer, or point UPTAKE_PROMETHEUS at its program."
	exit 1
fi

say "fetching Debian's package into bin/prometheus"
mkdir -p "$folder"
cd "$folder"
fetch() { rm -f -- *.deb && apt-get -qq -o APT::Sandbox::User=root download prometheus >&2; }
if ! fetch 2>/dev/null; then
	# A fresh machine has no package lists, an old one has lists that are out of date.
	[[ $(id -u) -ne 0 ]] || apt-get -qq update >&2
	if ! fetch; then
		say "apt-get could not fetch the package; try: sudo apt-get update"
		exit 1
	fi
fi
dpkg -x ./*.deb . && rm ./*.deb
use "$program"
