#!/usr/bin/env bash
# Installs the browser's peers where they are missing or old, and prints their folder.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${CARGO_TARGET_DIR:-$here/../../target}/peers/node
stamp=$folder/installed-package-lock.json

# The stamp is written last, so an install that was cut short is simply done again.
if ! cmp -s "$here/package-lock.json" "$stamp"; then
  echo "installing the browser's peers" >&2
  mkdir -p "$folder"
  cp "$here/package.json" "$here/package-lock.json" "$folder"
  # The page loads ready bundles; nothing is built.
  npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund >&2
  cp "$here/package-lock.json" "$stamp"
fi
cd "$folder" && pwd
