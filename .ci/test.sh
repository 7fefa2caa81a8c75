#!/usr/bin/env bash
# Everything that must hold, fastest first. Ends with one line that counts all tests.
set -euo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp); trap 'rm -f "$log"' EXIT
passed=0; failed=0

stage() { printf '\n== %s\n' "$*"; }

# Adds up the numbers before a word of the log. A runner need not say the word: Playwright names no failures where there are none.
told() { { grep -aoE "[0-9]+ $1" "$log" || true; } | awk '{ n += $1 } END { print n + 0 }'; }

# Runs a command, shows it, and adds up what test runners print.
counted() {
  local status=0
  "$@" 2>&1 | tee "$log" || status=$?
  local p f
  p=$(told passed); f=$(told failed)
  passed=$((passed + p)); failed=$((failed + f))
  if [ "$status" -ne 0 ]; then
    [ "$f" -gt 0 ] || failed=$((failed + 1))
    printf '\n%d passed, %d failed\n' "$passed" "$failed"
    exit 1
  fi
}

stage "unit and integration tests"
counted cargo test --locked --features app

# A processor that plays the GPU takes its time.
export CHROMEDRIVER=${CHROMEDRIVER:-$(command -v chromedriver)} WASM_BINDGEN_TEST_TIMEOUT=900
in_chromium() { counted cargo test --locked --no-default-features --target wasm32-unknown-unknown "$@"; }

stage "golden tests as wasm in Chromium"
in_chromium --test goldens

stage "the language model's fixtures on Chromium's WebGPU"
in_chromium --features lm_worker --test lm_browser

stage "licences, bans and sources of dependencies"
cargo deny --log-level error check bans licenses sources

stage "the page, optimised"
make --no-print-directory dist

stage "browser tests"
TYPO_LAB_BIN=${CARGO_TARGET_DIR:-$PWD/target}/debug/typo-lab counted npm --prefix tests/browser test --silent

printf '\n%d passed, %d failed\n' "$passed" "$failed"
