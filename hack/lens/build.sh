#!/usr/bin/env bash
# Fetches the code with which Lens shows custom resources, at the versions pinned in
# package.json beside this file, and prints where it is, as UPTAKE_LENS=FOLDER.
# Messages go to stderr.
#
# Columns come from packages that can be installed; the code and the colours of badges
# are only in the whole of Lens, of which two files are taken.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(dirname "$(dirname "$here")")/bin/lens

[[ -z ${UPTAKE_LENS:-} ]] || { echo "UPTAKE_LENS=$UPTAKE_LENS"; exit; }
for program in node npm; do
	command -v $program >/dev/null || {
		echo "lens: $program is missing; install Node.js 18 or newer with npm, such as Debian's packages nodejs and npm." >&2
		exit 1
	}
done

wanted=$(cat "$here"/package*.json "${BASH_SOURCE[0]}" | git hash-object --stdin)
if [[ $(cat "$folder/.pins" 2>/dev/null) != "$wanted" ]]; then
	echo "lens: fetching its packages" >&2
	rm -rf "$folder" && mkdir -p "$folder"
	cp "$here"/package*.json "$here/.npmrc" "$folder"
	cd "$folder"
	npm ci --silent >&2
	version=$(node -p 'require("./package.json").dependencies["@freelensapp/utilities"]')
	npm pack --silent "@freelensapp/core@$version" >/dev/null
	tar -xzf freelensapp-core-*.tgz --strip-components=4 \
		package/static/build/library/renderer.css package/static/build/library/renderer.js.map
	rm freelensapp-core-*.tgz
	echo "$wanted" >.pins
fi
echo "UPTAKE_LENS=$folder"
