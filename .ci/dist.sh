#!/usr/bin/env bash
# The page as it is hosted: optimised, with its sizes bounded.
set -euo pipefail
cd "$(dirname "$0")/.."
# A step of the tour that cannot be read is told by file and line before anything is built; by the tests' program, where they have
# built it: cargo would build another, without what only tests ask of dependencies.
program=(cargo run --locked --quiet --bin typo-lab --)
if [ -n "${TYPO_LAB_BIN:-}" ]; then program=("$TYPO_LAB_BIN"); fi
"${program[@]}" story www/story >/dev/null
# Messages of dependencies name their files; where they lie on the builder's machine is nobody's business, nor may the page's size
# depend on it.
flags=()
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do flags+=("--remap-path-prefix=$registry="); done
CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="${flags[*]}" trunk build --release --offline
# What rustc emits and browsers have had for years; --all-features would also write encodings that they do not know yet.
features=(--enable-simd --enable-bulk-memory --enable-bulk-memory-opt --enable-sign-ext --enable-mutable-globals
  --enable-nontrapping-float-to-int --enable-reference-types --enable-multivalue --enable-call-indirect-overlong)
optimised() { # program, passes
  tests/browser/node_modules/.bin/wasm-opt "${features[@]}" --strip-debug --strip-producers "dist/$1_bg.wasm" "${@:2}" -o "dist/$1_bg.wasm.small"
  mv "dist/$1_bg.wasm.small" "dist/$1_bg.wasm"
}
# The workers for speed, and meanwhile the page itself for size: again and again, over code without nested expressions, where more of it
# is alike. Nothing lies in the first kilobyte of memory, the far end of the stack.
trap wait EXIT
(optimised solver_worker -O3; optimised lm_worker -O3) & workers=$!
again=(--low-memory-unused --flatten --rereloop -Oz -Os)
optimised app -Oz "${again[@]}" "${again[@]}" -Oz -Os -Oz
wait "$workers"
node .ci/precache.mjs
node .ci/sizes.mjs
