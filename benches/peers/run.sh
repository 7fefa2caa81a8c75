#!/usr/bin/env bash
# Runs every peer of the bandit solver, one after another. Numbers go to stdout, one JSON object
# a line; everything else goes to stderr.
#
# Usage: run.sh [ADAM_TRAJECTORIES_JSON]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# Keeps __pycache__ out of the source tree.
export PYTHONDONTWRITEBYTECODE=1
goldens=${1:-$root/tests/goldens/adam_trajectories.json}
venv=$root/target/peers/venv
stamp=$venv/installed-requirements.txt

# The stamp is written last, so an install that was cut short is simply done again.
if ! cmp -s "$here/requirements.txt" "$stamp"; then
  echo "installing the Python peers (several GB: torch brings its GPU libraries)" >&2
  # --clear: a half-made environment may lack pip.
  python3 -m venv --clear "$venv" >&2
  "$venv/bin/python" -m pip install --no-cache-dir --progress-bar off --only-binary :all: \
    -r "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$stamp"
fi

# Every number needs its device; node and Python versions are part of it.
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1 || true)
echo "device: ${cpu:-$(uname -m)}, $(getconf _NPROCESSORS_ONLN) cores; node $(node --version); $("$venv/bin/python" --version)" >&2

# A peer that computes something else is not a peer: check before timing.
if [[ -f $goldens ]]; then
  "$venv/bin/python" "$here/goldens.py" "$goldens" >&2
  node "$here/plain.mjs" --goldens "$goldens" >&2
elif [[ $# -gt 0 ]]; then
  echo "run.sh: no such file: $goldens" >&2
  exit 2
else
  echo "golden check skipped: no file at tests/goldens/adam_trajectories.json" >&2
fi

node "$here/plain.mjs"
"$venv/bin/python" "$here/jax_step.py"
"$venv/bin/python" "$here/torch_step.py"
