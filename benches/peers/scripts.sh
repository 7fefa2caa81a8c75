#!/usr/bin/env bash
# Runs the PyTorch scripts that typo-lab exports and compares where they end with its own runs.
#
# TYPO_LAB_BIN: the program; built where it is not given.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
export PYTHONDONTWRITEBYTECODE=1
venv=$(bash "$here/venv.sh")
if [[ -z ${TYPO_LAB_BIN:-} ]]; then
  # With the features that the tests build, so that nothing is built twice.
  (cd "$root" && cargo build --locked --quiet --features app --bin typo-lab)
  TYPO_LAB_BIN=${CARGO_TARGET_DIR:-$root/target}/debug/typo-lab
fi
"$venv/bin/python" "$here/scripts.py" "$TYPO_LAB_BIN"
