#!/usr/bin/env bash
# Makes sure that a real PostgreSQL and a real MariaDB are there for the tests of
# the SQL driver, and prints where, as two lines NAME=FOLDER. Messages go to stderr.
#
# UPTAKE_POSTGRES_BIN and UPTAKE_MARIADB_BIN, where set, win; then what this machine
# has; then Debian's packages with the libraries that are missing, unpacked into bin/
# and never installed, so that no service is started.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(dirname "$here")/bin

say() { echo "databases: $*" >&2; }

# libraries FOLDER: where an unpacked package keeps its libraries.
libraries() {
	local found=("$1"/usr/lib/*-linux-gnu* "$1"/lib/*-linux-gnu*)
	(IFS=:; echo "${found[*]}")
}

# runs PROGRAM [ROOT]: does it start, with the libraries below ROOT?
runs() { [[ -x $1 ]] && LD_LIBRARY_PATH=${2:+$(libraries "$2")} "$1" --version >/dev/null 2>&1; }

# last PATTERN...: the last file there is, which is the newest version.
last() {
	local file newest=
	for file in $(compgen -G "$1" | sort -V); do newest=$file; done
	[[ -n $newest ]] && echo "$newest"
}

# fetch PACKAGE FOLDER PATTERN: unpacks it with those that it needs, are not on this
# machine and match: the rest are services, languages and compilers.
fetch() {
	local package=$1 folder=$2 pattern=$3 missing
	if ! command -v apt-get >/dev/null; then
		say "no $package on this machine, and it has no Debian packages."
		say "Install it, or point UPTAKE_POSTGRES_BIN and UPTAKE_MARIADB_BIN at one."
		exit 1
	fi
	say "fetching Debian's $package into ${folder#"$(dirname "$bin")"/}"
	rm -rf "$folder" && mkdir -p "$folder"
	cd "$folder"
	download() {
		rm -f -- *.deb
		missing=$(apt-get -s --no-install-recommends install "$package" | awk '$1 == "Inst" { print $2 }' | grep -E "$pattern") &&
			# shellcheck disable=SC2086
			apt-get -qq -o APT::Sandbox::User=root download $missing >&2
	}
	if ! download 2>/dev/null; then
		# A fresh machine has no package lists, an old one has lists that are out of date.
		[[ $(id -u) -ne 0 ]] || apt-get -qq update >&2
		if ! download; then
			say "apt-get could not fetch $package; try: sudo apt-get update"
			exit 1
		fi
	fi
	local one
	for one in *.deb; do dpkg -x "$one" . && rm "$one"; done
	cd - >/dev/null
}

fails() {
	say "$1 does not run:"
	LD_LIBRARY_PATH=${2:+$(libraries "$2")} "$1" --version >&2 || true
	exit 1
}

postgresql() {
	local folder=$bin/postgresql server
	if [[ -n ${UPTAKE_POSTGRES_BIN:-} ]]; then
		server=$UPTAKE_POSTGRES_BIN/postgres
		# An unpacked one is five folders above its programs.
		runs "$server" || runs "$server" "$UPTAKE_POSTGRES_BIN/../../../../.." || fails "$server"
	elif server=$(last '/usr/lib/postgresql/*/bin/postgres') && runs "$server"; then :
	else
		server=$(last "$folder/usr/lib/postgresql/*/bin/postgres") && runs "$server" "$folder" || {
			fetch postgresql "$folder" '^(postgresql-[0-9]+|lib.*)$'
			server=$(last "$folder/usr/lib/postgresql/*/bin/postgres")
			runs "$server" "$folder" || fails "$server" "$folder"
		}
	fi
	echo "UPTAKE_POSTGRES_BIN=$(dirname "$server")"
}

mariadb() {
	local folder=$bin/mariadb
	if [[ -n ${UPTAKE_MARIADB_BIN:-} ]]; then
		folder=$UPTAKE_MARIADB_BIN
		runs "$folder/usr/sbin/mariadbd" "$folder" || fails "$folder/usr/sbin/mariadbd" "$folder"
	elif runs /usr/sbin/mariadbd; then
		folder=/
	elif ! runs "$folder/usr/sbin/mariadbd" "$folder"; then
		fetch mariadb-server-core "$folder" '^(mariadb-server-core|lib.*)$'
		runs "$folder/usr/sbin/mariadbd" "$folder" || fails "$folder/usr/sbin/mariadbd" "$folder"
	fi
	echo "UPTAKE_MARIADB_BIN=$folder"
}

postgresql
mariadb
