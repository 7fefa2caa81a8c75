"""Runs the PyTorch scripts that typo-lab exports, and compares where each loss ends with typo-lab's own runs.

Usage: scripts.py TYPO_LAB, the program. Exits 1 if any probability differs by more than TOLERANCE.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

TOLERANCE = 1e-4


def preset(program, name, steps, **changes):
    """A preset's experiment, its runs cut to `steps`."""
    spec = json.loads(subprocess.check_output([program, "preset", name]))
    spec["optimiser"]["steps"] = steps
    for loss in spec["losses"]:
        if "steps" in loss:
            loss["steps"] = steps + steps // 2
    for path, value in changes.items():
        *way, last = path.split("__")
        place = spec
        for key in way:
            place = place[key]
        place[last] = value
    return spec


def qpo(psi, mu, lam=1.0):
    return {"kind": "qpo", "psi": psi, "mu": mu, "lambda": lam}


DIVERGENCES = ("reverse-kl", "forward-kl", "jensen-shannon", {"alpha": 0.5})
SHAPES = ("logistic", "squared", "hinge", "exponential", "truncated-quadratic", "savage", "threshold")
FOUR_ACTIONS = [
    {"name": "it's \"odd\" \\", "weight": 2, "pi_ref": [0.4, 0.3, 0.2, 0.1], "pi_star": [0.1, 0.2, 0.3, 0.4]},
    {"name": "x'''y", "weight": 1, "pi_ref": [0.25, 0.25, 0.25, 0.25], "pi_star": [0.7, 0.1, 0.1, 0.1]},
    {"name": "good", "weight": 1, "pi_ref": [0.5, 0.3, 0.1, 0.1], "pi_star": [0.5, 0.3, 0.1, 0.1]},
]
NINE = [{"name": "x", "weight": 1, "pi_ref": [1 / 9] * 9, "pi_star": [k / 45 for k in range(1, 10)]}]
FITTED = [{"kind": "rlhf", "reward": "fitted", "lambda": 0.5}, {"kind": "dpo", "lambda": 1}, {"kind": "typo", "lambda": 1}]
DECAY = {"alpha": 0.01, "on": "policy"}
DRAWN = {"source": "sampled", "draws": 60, "seed": 7, "pairing": "reference"}


def cases(program):
    """Names and experiments: every kind of data, batch, penalty and loss is in one of them."""
    def make(name, steps, **changes):
        return preset(program, name, steps, **changes)

    sampled = make("figure-2-sampled", 3000, kl="authors")
    return {
        # The whole of it: as the page shows it.
        "figure 2": make("figure-2", 11_000),
        "figure 2, sampled, authors' KL": sampled,
        "figure 3, preservation": make("figure-3-preservation", 3000),
        "figure 3, weight decay on logits": make("figure-3-constraint", 1100, weight_decay__alpha=0.01),
        "counts, decay on policy, fitted": make(
            "one-label", 3000, weight_decay=DECAY, preferences__counts=[[[0, 5, 4], [2, 0, 3], [1, 1, 0]]], losses=FITTED
        ),
        "one label a pair": make("one-label", 2000),
        "full batch": make("figure-6", 2000, optimiser__batch_size=None, preferences__pairing="reference"),
        "three prompts of four actions, drawn": make(
            "figure-6", 2000, prompts=FOUR_ACTIONS, preferences=DRAWN, optimiser__seed=2**53 - 1, optimiser__batch_size=7
        ),
        "three prompts, reference pairs": make("figure-6", 2000, prompts=FOUR_ACTIONS, preferences__pairing="reference"),
        "nine actions": make("figure-6", 1500, prompts=NINE, optimiser__batch_size=33),
        "QPO, every psi": make("figure-6", 1500, losses=[qpo(psi, "log") for psi in SHAPES]),
        "QPO, every mu": make("figure-6", 1500, losses=[qpo("truncated-quadratic", mu) for mu in DIVERGENCES]),
        "f-DPO, every divergence": make(
            "figure-6", 1500, losses=[{"kind": "f-dpo", "divergence": d, "lambda": 0.5} for d in DIVERGENCES]
        ),
        "gradient descent": make("figure-6", 2000, optimiser__kind="sgd", optimiser__learning_rate=0.5),
        "threshold, two actions": make("threshold", 2000, optimiser__batch_size=5),
    }


def ends(program, name, spec):
    """Where every loss ends, by prompt, in typo-lab and in its script."""
    text = json.dumps(spec)

    def run(command, text):
        done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{name}: {' '.join(command[:2])} failed\n{done.stderr}")
        return done.stdout

    ours = [[p["pi"][-1] for p in r["prompts"]] for r in json.loads(run([program, "train", "-"], text))["runs"]]
    with tempfile.NamedTemporaryFile("w", suffix=".py", encoding="utf-8") as file:
        file.write(run([program, "script", "-"], text))
        file.flush()
        theirs = json.loads(run([sys.executable, file.name], ""))["runs"]
    return ours, [[p["pi"] for p in r["prompts"]] for r in theirs]


def largest_gap(ours, theirs):
    """Infinite where the shapes differ or a number is missing."""
    flat = lambda lists: [v for run in lists for policy in run for v in policy]
    a, b = flat(ours), flat(theirs)
    if len(a) != len(b) or not a:
        return float("inf")
    gaps = [abs(x - y) for x, y in zip(a, b)]
    return max(g if g == g else float("inf") for g in gaps)


def main():
    if len(sys.argv) != 2:
        raise SystemExit("usage: scripts.py TYPO_LAB")
    program = os.path.abspath(sys.argv[1])
    every = cases(program)
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = {name: pool.submit(ends, program, name, spec) for name, spec in every.items()}
        for name, result in found.items():
            gap = largest_gap(*result.result())
            failed += gap > TOLERANCE
            print(f"script {name:38} {'ok' if gap <= TOLERANCE else 'DIFFERS'} {gap:.1e}", flush=True)
    print(f"exported scripts: {len(every) - failed} passed, {failed} failed (within {TOLERANCE:g} in probability)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
