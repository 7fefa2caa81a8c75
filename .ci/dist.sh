#!/usr/bin/env bash
# The page as it is hosted: optimised, with its sizes bounded.
set -euo pipefail
cd "$(dirname "$0")/.."
trunk build --release --offline
# What rustc emits and browsers have had for years; --all-features would also write encodings that they do not know yet.
features=(--enable-simd --enable-bulk-memory --enable-bulk-memory-opt --enable-sign-ext --enable-mutable-globals
  --enable-nontrapping-float-to-int --enable-reference-types --enable-multivalue --enable-call-indirect-overlong)
for program in app solver_worker; do
  tests/browser/node_modules/.bin/wasm-opt -O3 "${features[@]}" --strip-debug --strip-producers \
    "dist/${program}_bg.wasm" -o "dist/${program}_bg.wasm.small"
  mv "dist/${program}_bg.wasm.small" "dist/${program}_bg.wasm"
done
node .ci/sizes.mjs
