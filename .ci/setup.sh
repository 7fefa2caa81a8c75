#!/usr/bin/env bash
# Brings what a task needs, and nothing that is there already: `setup.sh rust trunk npm chromium deny fuzz`.
# Tools go where cargo puts them, so that a second clone finds them. An interrupted run can be repeated.
set -euo pipefail
cd "$(dirname "$0")/.."

TRUNK=0.21.14
DENY=0.20.2
FUZZ=0.13.2

say() { printf '\n== %s\n' "$*" >&2; }

# The wasm-bindgen program must be of the very version that Cargo.lock names.
bindgen_version() { awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print; exit }' Cargo.lock; }

installed() { command -v "$1" >/dev/null && "$@" --version 2>/dev/null | grep -qF " $WANTED"; }

cargo_install() { # crate, version, further options
  say "installing $1 $2"
  cargo install "$1@$2" "${@:3}"
}

apt() {
  local missing=()
  for package in "$@"; do dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package"); done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing ${missing[*]}"
  local as_root=(); [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

for part in "$@"; do
  case $part in
    rust)
      # The toolchain and target of rust-toolchain.toml, where rustup has not brought them by itself.
      if command -v rustup >/dev/null; then
        rustup target list --installed 2>/dev/null | grep -q wasm32-unknown-unknown || rustup target add wasm32-unknown-unknown
      fi ;;
    trunk)
      WANTED=$TRUNK; installed trunk || cargo_install trunk "$TRUNK" --locked
      # Without --locked: its lock file does not resolve at this version.
      WANTED=$(bindgen_version); installed wasm-bindgen || cargo_install wasm-bindgen-cli "$WANTED" ;;
    npm)
      # The stamp is written last, so that an install that was cut short is done again.
      if [ ! tests/browser/node_modules/.complete -nt tests/browser/package-lock.json ]; then
        say "installing the browser tests' packages"
        (cd tests/browser && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund && touch node_modules/.complete)
      fi ;;
    chromium) apt chromium chromium-driver fonts-dejavu-core fonts-liberation ;;
    deny) WANTED=$DENY; installed cargo-deny || cargo_install cargo-deny "$DENY" --locked ;;
    fuzz) WANTED=$FUZZ; installed cargo-fuzz || cargo_install cargo-fuzz "$FUZZ" --locked ;;
    *) echo "setup.sh: $part is not known" >&2; exit 2 ;;
  esac
done
