"""Times one Adam step of each loss in PyTorch on the CPU, in the usual eager style of loop."""

import statistics
import time

import torch

from report import report
from torch_losses import LOSSES, pair_values, prompt_value

PI_REF = (0.4, 0.4, 0.2)
PI_STAR = (0.6, 0.3, 0.1)
LAMBDA = 1e-5
BATCH = 20
DRAWS = 300
WARM_UP = 200
STEPS = 500
REPEATS = 7


def draw_pairs(pi_star):
    """Two uniform actions a draw, equal ones dropped, the winner by Bradley-Terry: winners, losers."""
    i, j = torch.randint(len(pi_star), (2, DRAWS))
    i, j = i[i != j], j[i != j]
    i_wins = torch.rand(len(i)) < pi_star[i] / (pi_star[i] + pi_star[j])
    return torch.where(i_wins, i, j), torch.where(i_wins, j, i)


def microseconds_per_step(loss, winners, losers):
    """Median over REPEATS of the mean time of a step."""
    log_ref = torch.tensor(PI_REF).log()  # A
    log_star = torch.tensor(PI_STAR).log()  # A
    theta = torch.nn.Parameter(log_ref - log_ref.mean())  # A
    optimiser = torch.optim.Adam([theta], lr=5e-4 if loss == "typo" else 1e-3)

    def step():
        log_pi = torch.log_softmax(theta, 0)  # A
        value = 0.0
        if loss in ("rlhf", "typo"):
            value = prompt_value(loss, log_pi, log_ref, log_star, LAMBDA)
        if loss != "rlhf":
            batch = torch.randint(len(winners), (BATCH,))  # B
            pairs = pair_values(loss, log_pi, log_ref, winners[batch], losers[batch], LAMBDA)
            value = value + pairs.mean()
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_([theta], 10.0)
        optimiser.step()

    for _ in range(WARM_UP):
        step()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for _ in range(STEPS):
            step()
        times.append((time.perf_counter() - start) / STEPS * 1e6)
    if not torch.isfinite(theta).all():
        raise SystemExit(f"{loss}: theta is not finite, so its time means nothing")
    return statistics.median(times)


def main():
    # Three numbers never repay a second thread; more threads only add noise.
    torch.set_num_threads(1)
    torch.manual_seed(1)
    winners, losers = draw_pairs(torch.tensor(PI_STAR))
    for loss in LOSSES:
        report("pytorch", loss, "adam_step", microseconds_per_step(loss, winners, losers))


if __name__ == "__main__":
    main()
