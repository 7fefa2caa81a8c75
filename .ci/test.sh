#!/usr/bin/env bash
# Everything that must hold, fastest first. Ends with one line that counts all tests.
#
# A stage that has passed is not run again while nothing that it depends on has changed: its sources, the built page, the
# compiler and the browsers. FRESH=1 runs every stage.
set -euo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp); page_log=$(mktemp); page=
trap 'rm -f "$log" "$page_log"; [ -z "$page" ] || kill -- -"$page" 2>/dev/null || true' EXIT
target=${CARGO_TARGET_DIR:-target}
kept=$target/tested; mkdir -p "$kept"
passed=0; failed=0; spared=0

rust=(webdriver.json Cargo.toml Cargo.lock build.rs rust-toolchain.toml .cargo src www static benches fuzz/corpus fuzz/fuzz_targets tests/*.rs tests/common tests/goldens tests/lm)

# The contents of files and folders, without what tests leave behind.
contents() {
  find "$@" \( -name node_modules -o -name test-results \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
}

programs() {
  rustc -vV
  for program in "${CHROMIUM:-chromium}" "$CHROMEDRIVER" "${FIREFOX:-firefox-esr}" node cargo-deny; do "$program" --version; done
  # The processor that plays a GPU for the tests of kernels.
  dpkg -s mesa-vulkan-drivers 2>/dev/null | grep '^Version' || true
}

# Adds up the numbers before a word of the log. A runner need not say the word: Playwright names no failures where there are none.
told() { { grep -aoE "[0-9]+ $1" "$log" || true; } | awk '{ n += $1 } END { print n + 0 }'; }

finish() {
  printf '\n%d passed, %d failed' "$passed" "$failed"
  [ "$spared" -eq 0 ] || printf ' (%d of them passed before, and nothing that they depend on has changed since: FRESH=1 runs them again)' "$spared"
  printf '\n'
}

# Runs a command, shows it, and adds up what test runners print.
stage() { # name, files and folders that it depends on, --, command
  local name=$1 on=() stamp key status=0 p f
  shift
  while [ "$1" != -- ]; do on+=("$1"); shift; done
  shift
  stamp=$kept/${name//[^a-z]/-}
  key=$({ programs; echo "$@" "${PROPTEST_CASES:-}" "${TYPO_LAB_DIST:-}" "${RUSTFLAGS:-}"; contents .ci "${on[@]}"; } | sha256sum)
  printf '\n== %s (at %d:%02d min)\n' "$name" $((SECONDS / 60)) $((SECONDS % 60))
  if [ -z "${FRESH:-}" ] && [ -f "$stamp" ] && [ "$(head -1 "$stamp")" = "$key" ]; then
    p=$(tail -1 "$stamp")
    passed=$((passed + p)); spared=$((spared + p))
    printf '%d passed before; nothing that they depend on has changed\n' "$p"
    return
  fi
  rm -f "$stamp"
  "$@" 2>&1 | tee "$log" || status=$?
  p=$(told passed); f=$(told failed)
  passed=$((passed + p)); failed=$((failed + f))
  if [ "$status" -ne 0 ]; then
    [ "$f" -gt 0 ] || failed=$((failed + 1))
    finish
    exit 1
  fi
  printf '%s\n%d\n' "$key" "$p" >"$stamp"
}

# A processor that plays the GPU takes its time.
export CHROMEDRIVER=${CHROMEDRIVER:-$(command -v chromedriver)} WASM_BINDGEN_TEST_TIMEOUT=900
export TYPO_LAB_BIN=$(realpath "$target")/debug/typo-lab
in_chromium=(cargo test --locked --no-default-features --target wasm32-unknown-unknown)

stage "unit and integration tests" "${rust[@]}" -- cargo test --locked --features app
# The page is built meanwhile: what links its programs keeps one core busy. With all that it starts it is one group, which ends with this.
setsid make --no-print-directory dist >"$page_log" 2>&1 & page=$!

stage "golden tests as wasm in Chromium" "${rust[@]}" -- "${in_chromium[@]}" --test goldens
stage "the language model's fixtures on Chromium's WebGPU" "${rust[@]}" -- "${in_chromium[@]}" --features lm_worker --test lm_browser
stage "licences, bans and sources of dependencies" Cargo.toml Cargo.lock deny.toml -- cargo deny --log-level error check bans licenses sources

printf '\n== the page, optimised (at %d:%02d min)\n' $((SECONDS / 60)) $((SECONDS % 60))
built=0; wait "$page" || built=$?; page=
cat "$page_log"
if [ "$built" -ne 0 ]; then
  failed=$((failed + 1)); finish
  exit 1
fi

# The headless program's own numbers are what the page's are held against, and it is made of the same sources.
stage "browser tests" "${rust[@]}" dist tests/browser -- npm --prefix tests/browser test --silent
finish
