#!/usr/bin/env bash
# Makes the golden data anew and compares, then times every peer that needs no browser, one after another. Numbers go to
# stdout, one JSON object a line; everything else goes to stderr.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# Keeps __pycache__ out of the source tree.
export PYTHONDONTWRITEBYTECODE=1
goldens=$root/tests/goldens
venv=$(bash "$here/venv.sh")

# Every number needs its device; node and Python versions are part of it.
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1 || true)
echo "device: ${cpu:-$(uname -m)}, $(getconf _NPROCESSORS_ONLN) cores; node $(node --version); $("$venv/bin/python" --version)" >&2

# A peer that computes something else is not a peer: check before timing.
"$venv/bin/python" "$here/minimisers.py" "$goldens/minimisers.json" >&2
"$venv/bin/python" "$here/goldens.py" "$goldens/adam_trajectories.json" >&2
node "$here/plain.mjs" --goldens "$goldens/adam_trajectories.json" >&2

node "$here/plain.mjs"
"$venv/bin/python" "$here/jax_step.py"
"$venv/bin/python" "$here/torch_step.py"
"$venv/bin/python" "$here/torch_lm.py"
