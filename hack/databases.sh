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
remedy="Install it, or point UPTAKE_POSTGRES_BIN and UPTAKE_MARIADB_BIN at one."

# shellcheck source=hack/debian.sh
source "$here/debian.sh"

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
