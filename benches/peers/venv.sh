#!/usr/bin/env bash
# Makes the Python peers' environment where it is missing or old, and prints its folder.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${CARGO_TARGET_DIR:-$here/../../target}/peers/venv
stamp=$venv/installed-requirements.txt

# The stamp is written last, so an install that was cut short is simply done again.
if ! cmp -s "$here/requirements.txt" "$stamp"; then
  echo "installing the Python peers (several GB: torch brings its GPU libraries)" >&2
  # --clear: a half-made environment may lack pip.
  python3 -m venv --clear "$venv" >&2
  "$venv/bin/python" -m pip install --no-cache-dir --progress-bar off --only-binary :all: \
    -r "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$stamp"
fi
cd "$venv" && pwd
