# shellcheck shell=bash
# For scripts that run a server from Debian's packages without installing it. They say
# what they do with `say`, and in $remedy what to do where there are no packages.

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
		say "$remedy"
		exit 1
	fi
	say "fetching Debian's $package into ${folder#"$(dirname "$here")"/}"
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

