#!/usr/bin/env bash
# The page as it is hosted: optimised, with its sizes bounded.
set -euo pipefail
cd "$(dirname "$0")/.."
trunk build --release --offline
for program in app solver_worker; do
  tests/browser/node_modules/.bin/wasm-opt -O3 --all-features --strip-debug --strip-producers \
    "dist/${program}_bg.wasm" -o "dist/${program}_bg.wasm.small"
  mv "dist/${program}_bg.wasm.small" "dist/${program}_bg.wasm"
done
node .ci/sizes.mjs
