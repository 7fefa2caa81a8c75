#!/usr/bin/env bash
# The page as it is hosted: optimised, with its sizes bounded.
set -euo pipefail
cd "$(dirname "$0")/.."
# A step of the tour that cannot be read is told by file and line before anything is built. With the features that the tests
# build, so that nothing is built twice.
cargo run --locked --quiet --features app --bin typo-lab -- story www/story >/dev/null
# Messages of dependencies name their files; where they lie on the builder's machine is nobody's business, nor may the page's size
# depend on it.
flags=()
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do flags+=("--remap-path-prefix=$registry="); done
CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="${flags[*]}" trunk build --release --offline
# What rustc emits and browsers have had for years; --all-features would also write encodings that they do not know yet.
features=(--enable-simd --enable-bulk-memory --enable-bulk-memory-opt --enable-sign-ext --enable-mutable-globals
  --enable-nontrapping-float-to-int --enable-reference-types --enable-multivalue --enable-call-indirect-overlong)
# The page itself for size: again and again, over code without nested expressions, where more of it is alike. Nothing lies in the first
# kilobyte of memory, the far end of the stack. Its workers for speed.
again=(--low-memory-unused --flatten --rereloop -Oz -Os)
size=(-Oz "${again[@]}" "${again[@]}" -Oz -Os)
# Which passes serve best at the end hangs on the code: each is tried, and kept where the page is then smaller to download.
endings=("-Oz" "-Oz -Os" "--code-folding --merge-blocks -Oz" "--merge-locals --coalesce-locals -Oz -Os" "--local-cse -Oz")
packed() { node -p 'zlib.brotliCompressSync(fs.readFileSync(process.argv[1])).length' "$1"; }
for program in app solver_worker lm_worker; do
  how=(-O3)
  if [ "$program" = app ]; then how=("${size[@]}"); fi
  tests/browser/node_modules/.bin/wasm-opt "${how[@]}" "${features[@]}" --strip-debug --strip-producers \
    "dist/${program}_bg.wasm" -o "dist/${program}_bg.wasm.small"
  mv "dist/${program}_bg.wasm.small" "dist/${program}_bg.wasm"
  [ "$program" = app ] || continue
  for ending in "${endings[@]}"; do
    read -ra passes <<<"$ending"
    tests/browser/node_modules/.bin/wasm-opt "${passes[@]}" "${features[@]}" dist/app_bg.wasm -o dist/app_bg.wasm.small
    if [ "$(packed dist/app_bg.wasm.small)" -lt "$(packed dist/app_bg.wasm)" ]; then mv dist/app_bg.wasm.small dist/app_bg.wasm; fi
  done
  rm -f dist/app_bg.wasm.small
done
node .ci/precache.mjs
node .ci/sizes.mjs
