"""Makes the golden Adam trajectories anew with PyTorch in float64, and compares.

Usage: goldens.py PATH, where PATH is adam_trajectories.json. Exits 1 if any probability
differs by more than TOLERANCE.
"""

import itertools
import json
import sys

import torch

from torch_losses import pair_values, prompt_value

TOLERANCE = 1e-9


def ordered_pairs(pi_star):
    """Every (winner, loser) with the weight the population gives it under uniform pairing."""
    actions = range(len(pi_star))
    winners, losers = torch.tensor(list(itertools.permutations(actions, 2))).T  # B, B
    pairs = len(pi_star) * (len(pi_star) - 1) / 2
    weights = pi_star[winners] / (pi_star[winners] + pi_star[losers]) / pairs  # B
    return winners, losers, weights


def trajectory(case):
    """The policies of a full-expectation run, recorded as the case records them: list of A."""
    if (case["pairing"], case["data"]) != ("uniform", "population"):
        raise SystemExit(f"only uniform population data is known here, not {case['pairing']} {case['data']}")
    loss, lam = case["loss"], case["lambda"]
    log_ref = torch.tensor(case["pi_ref"]).log()  # A
    pi_star = torch.tensor(case["pi_star"])  # A
    winners, losers, weights = ordered_pairs(pi_star)
    # The penalty acts on theta itself, so its offset matters: it starts at mean zero.
    theta = torch.nn.Parameter(log_ref - log_ref.mean())  # A
    optimiser = torch.optim.Adam([theta], lr=case["learning_rate"])

    def step():
        log_pi = torch.log_softmax(theta, 0)  # A
        value = prompt_value(loss, log_pi, log_ref, pi_star.log(), lam)
        if loss != "rlhf":
            value = value + weights @ pair_values(loss, log_pi, log_ref, winners, losers, lam)
        value = value + case["weight_decay_alpha"] * (theta**2).sum()
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_([theta], case["clip_norm"])
        optimiser.step()

    policies = [torch.softmax(theta.detach(), 0)]
    for _ in range(len(case["pi"]) - 1):
        for _ in range(case["record_every"]):
            step()
        policies.append(torch.softmax(theta.detach(), 0))
    return torch.stack(policies)  # T, A


def main():
    if len(sys.argv) != 2:
        raise SystemExit("usage: goldens.py PATH_TO_ADAM_TRAJECTORIES_JSON")
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    differences = []
    for case in cases:
        difference = (trajectory(case) - torch.tensor(case["pi"])).abs().max().item()
        differences.append(difference)
        print(f"{case['loss']:6} lambda {case['lambda']:<8g} alpha {case['weight_decay_alpha']:<5g} {difference:.1e}")
    # Python's max() passes over a NaN; the tensor's does not.
    largest = torch.tensor(differences).max().item()
    print(f"largest difference in probability over {len(cases)} trajectories: {largest:.3e}")
    return 0 if largest <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
