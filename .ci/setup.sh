#!/usr/bin/env bash
# Brings what a task needs, and nothing that is there already: `setup.sh rust node trunk npm chromium firefox vulkan deny fuzz python`.
# Tools go where cargo puts them, so that a second clone finds them. An interrupted run can be repeated.
#
# CHROMIUM, CHROMEDRIVER, FIREFOX: programs to use instead of Debian's.
set -euo pipefail
cd "$(dirname "$0")/.."

TRUNK=0.21.14
DENY=0.20.2
FUZZ=0.13.2
# The first whose folder lists know where each file stands (parentPath), which .ci/precache.mjs asks.
NODE=20.12

say() { printf '\n== %s\n' "$*" >&2; }
fail() { printf '\nsetup.sh: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null; }

# The wasm-bindgen program must be of the very version that Cargo.lock names.
bindgen_version() { awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print; exit }' Cargo.lock; }

installed() { has "$1" && "$@" --version 2>/dev/null | grep -qF " $WANTED"; }

cargo_install() { # crate, version, optimisation, further options
  say "installing $1 $2"
  # Compiled in little time rather than to run in little: each of them runs for seconds, and only wasm-bindgen has much to do in them.
  CARGO_PROFILE_RELEASE_OPT_LEVEL=$3 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 \
    cargo install "$1@$2" "${@:4}"
}

apt() {
  local missing=()
  for package in "$@"; do dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package"); done
  [ ${#missing[@]} -eq 0 ] && return
  has apt-get || fail "${missing[*]} is missing, by Debian's name, and there is no apt-get to bring it: install it by hand (setup.sh names the variables for browsers), then run make again."
  say "installing ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    has sudo || fail "${missing[*]} is missing and only root may install it: run apt-get install ${missing[*]} as root, then make again."
    as_root=(sudo)
  fi
  # An installation that was cut short is ended first.
  "${as_root[@]}" dpkg --configure -a
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# A browser that a variable names, or Debian's.
browser() { # variable, its value, packages
  if [ -z "$2" ]; then apt "${@:3}"; else has "$2" || fail "$1 names $2, which is no program: correct it, or leave it out to have Debian's."; fi
}

node_is_new() { has node && node -e 'const number = (v) => v.split(".").slice(0, 2).reduce((n, part) => 1000 * n + Number(part), 0);
  process.exit(number(process.versions.node) < number(process.argv[1]) ? 1 : 0)' "$NODE"; }

wasm_is_there() { [ -d "$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)" ]; }

for part in "$@"; do
  case $part in
    rust)
      has cargo || fail "Rust is missing: install it with rustup (https://rustup.rs), then run make again."
      # The linker that rustc calls for native programs.
      has cc || apt gcc libc6-dev
      # The toolchain and target of rust-toolchain.toml, where rustup has not brought them by itself.
      if has rustup; then
        wasm_is_there || rustup target add wasm32-unknown-unknown
      else
        wasm_is_there || fail "$(rustc --version) has no wasm32-unknown-unknown target: install Rust with rustup (https://rustup.rs), which brings it, then run make again."
      fi ;;
    node)
      node_is_new && has npm || apt nodejs npm
      node_is_new || fail "Node $NODE or newer is needed, and here is $(node --version): install a newer one (https://nodejs.org), then run make again." ;;
    trunk)
      WANTED=$TRUNK; installed trunk || cargo_install trunk "$TRUNK" 0 --locked
      # Without --locked: its lock file asks for a release of webpki-roots that is not to be had. What cargo then resolves anew might want a
      # newer compiler than ours; fallback takes the newest that does not.
      WANTED=$(bindgen_version); installed wasm-bindgen || CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS=fallback cargo_install wasm-bindgen-cli "$WANTED" 1
      # trunk runs offline, so that it takes both programs from here; what it builds must then be here as well.
      cargo fetch --locked --quiet ;;
    npm)
      # The stamp is written last, so that an install that was cut short is done again.
      if [ ! tests/browser/node_modules/.complete -nt tests/browser/package-lock.json ]; then
        say "installing the browser tests' packages"
        (cd tests/browser && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund && touch node_modules/.complete)
      fi ;;
    chromium)
      browser CHROMIUM "${CHROMIUM:-}" chromium
      browser CHROMEDRIVER "${CHROMEDRIVER:-}" chromium-driver
      # The reference pictures are set in these.
      apt fonts-dejavu-core fonts-liberation ;;
    firefox) browser FIREFOX "${FIREFOX:-}" firefox-esr ;;
    # A GPU in software, for the tests of the GPU's kernels where there is no other.
    vulkan) apt mesa-vulkan-drivers libvulkan1 ;;
    deny) WANTED=$DENY; installed cargo-deny || cargo_install cargo-deny "$DENY" 0 --locked ;;
    fuzz)
      has rustup || fail "Fuzzing needs the nightly compiler, which rustup brings: install it (https://rustup.rs), then run make again."
      # Sanitizers need the nightly compiler, the fuzzer itself one for C++.
      rustup toolchain list | grep -q '^nightly' || rustup toolchain install nightly --profile minimal
      has c++ || apt g++
      WANTED=$FUZZ; installed cargo-fuzz || cargo_install cargo-fuzz "$FUZZ" 0 --locked ;;
    python) python3 -c 'import ensurepip' 2>/dev/null || apt python3 python3-venv ;;
    *) fail "$part is not known" ;;
  esac
done
