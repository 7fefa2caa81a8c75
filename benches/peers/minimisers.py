"""Makes the golden minimisers anew in 50-digit arithmetic, each from the equation that its loss's minimum fulfils, and compares.

Usage: minimisers.py PATH, where PATH is minimisers.json. Exits 1 if any log-probability differs by more than TOLERANCE,
relative where it is beyond one.
"""

import json
import sys
from itertools import combinations

from mpmath import exp, expm1, findroot, log, log1p, lu_solve, matrix, mp, mpf

mp.dps = 50
# The file holds doubles: they differ from 50 digits in the sixteenth.
TOLERANCE = 1e-14


def normalised(scores):
    """Log-probabilities proportional to exp(scores)."""
    top = max(scores)
    total = top + log(sum(exp(s - top) for s in scores))
    return [s - total for s in scores]


def pair_masses(ref, pairing):
    """Each unordered pair's share of the data."""
    masses = {(i, j): ref[i] * ref[j] if pairing == "reference" else mpf(1) for i, j in combinations(range(len(ref)), 2)}
    total = sum(masses.values())
    return {pair: mass / total for pair, mass in masses.items()}


def rlhf(ref, star, lam, _masses):
    """Equation (5); DPO's too, on population data."""
    return normalised([log(r) + log(s) / lam for r, s in zip(ref, star)])


def f_dpo(ref, star, lam, _masses):
    """Jensen-Shannon: pi_i / ref_i = 1 / (exp(t + d_i) - 1), d_i the score below the best one's, t such that the sum is one."""
    below = [(log(max(star)) - log(s)) / lam for s in star]
    excess = lambda t: sum(r / expm1(t + d) for r, d in zip(ref, below)) - 1
    best = sum(r for r, d in zip(ref, below) if d == 0)
    # The best actions alone would give log(1 + their share), all of them as if they were best log 2.
    t = findroot(excess, (log1p(best) * 0.999, log(mpf(2)) * 1.001), solver="anderson")
    return [log(r) - log(expm1(t + d)) for r, d in zip(ref, below)]


def ipo(ref, star, lam, masses):
    """Least squares in the log-ratios h: a weighted Laplacian, h of the first action held at zero."""
    actions = len(ref)
    laplacian, right = matrix(actions, actions), matrix(actions, 1)
    for (i, j), q in masses.items():
        p = star[i] / (star[i] + star[j])
        for a, b, sign in ((i, j, 1), (j, i, -1)):
            laplacian[a, a] += q
            laplacian[a, b] -= q
            right[a] += sign * q * (2 * p - 1) / (2 * lam)
    h = [mpf(0), *lu_solve(laplacian[1:, 1:], right[1:, 0])]
    return normalised([log(r) + x for r, x in zip(ref, h)])


def typo(ref, star, lam, masses):
    """Newton on the logits, the first one held; the objective is strictly convex."""
    actions = len(ref)
    sigma = lambda x: 1 / (1 + exp(-x))

    def objective(theta):
        log_pi = normalised(theta)
        pairs = sum(q * (star[w] * log1p(exp(theta[l] - theta[w]))) / (star[i] + star[j]) for (i, j), q in masses.items() for w, l in ((i, j), (j, i)))
        return pairs - lam * sum(r * x for r, x in zip(ref, log_pi))

    def slopes(theta):
        pi = [exp(x) for x in normalised(theta)]
        gradient, curvature = matrix(actions, 1), matrix(actions, actions)
        for a in range(actions):
            gradient[a] = lam * (pi[a] - ref[a])
            for b in range(actions):
                curvature[a, b] = lam * pi[a] * ((a == b) - pi[b])
        for (i, j), q in masses.items():
            win = sigma(theta[i] - theta[j])
            slope = q * (win - star[i] / (star[i] + star[j]))
            gradient[i] += slope
            gradient[j] -= slope
            for a, b, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
                curvature[a, b] += sign * q * win * (1 - win)
        return gradient[1:, 0], curvature[1:, 1:]

    theta = [log(r) - log(ref[0]) for r in ref]
    for _ in range(100):
        gradient, curvature = slopes(theta)
        step = [mpf(0), *lu_solve(curvature, gradient)]
        if max(abs(x) for x in step) < mpf(10) ** -40:
            return normalised(theta)
        share = mpf(1)
        while objective([t - share * x for t, x in zip(theta, step)]) > objective(theta) + mpf(10) ** -45:
            share /= 2
        theta = [t - share * x for t, x in zip(theta, step)]
    raise SystemExit(f"Newton did not end: {ref} {star} {lam}")


MINIMISERS = {"rlhf": rlhf, "dpo": rlhf, "ipo": ipo, "f-dpo": f_dpo, "typo": typo}


def largest_gap(case):
    # As they are written, not as their nearest doubles, which a small lambda would magnify.
    ref, star = ([mpf(repr(p)) for p in case[name]] for name in ("pi_ref", "pi_star"))
    lam = mpf(repr(case["lambda"]))
    found = MINIMISERS[case["loss"]](ref, star, lam, pair_masses(ref, case["pairing"]))
    return max(abs(ours - mpf(given)) / max(1, abs(ours)) for ours, given in zip(found, case["log_pi"], strict=True))


def main():
    if len(sys.argv) != 2:
        raise SystemExit("usage: minimisers.py PATH_TO_MINIMISERS_JSON")
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    if not cases:
        raise SystemExit("no minimisers in the file")
    wrong = [case for case in cases if not largest_gap(case) <= TOLERANCE]
    for case in wrong:
        print(f"{case['loss']} of {case['case']}, {case['pairing']} pairs, lambda {case['lambda']}: off by {float(largest_gap(case)):.1e}")
    print(f"golden minimisers: {len(cases) - len(wrong)} agree with 50 digits, {len(wrong)} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
