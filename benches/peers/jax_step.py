"""Times Adam in JAX on the CPU in float64, a whole run compiled as one lax.scan.

Compilation is left out of every time; drawing the batches is in. They are drawn in one sweep
at the head of the compiled run: drawn a step at a time, they alone cost more than the rest.
"""

import functools
import statistics
import time

import jax
import jax.numpy as jnp

from report import report

jax.config.update("jax_enable_x64", True)

PI_REF = (0.4, 0.4, 0.2)
PI_STAR = (0.6, 0.3, 0.1)
LAMBDA = 1e-5
BATCH = 20
DRAWS = 300
STEPS = 11_000
REPEATS = 7
LOSSES = ("rlhf", "dpo", "ipo", "f-dpo", "typo")


def draw_pairs(key, pi_star):
    """Two uniform actions a draw, equal ones dropped, the winner by Bradley-Terry: winners, losers."""
    key_pairs, key_labels = jax.random.split(key)
    i, j = jax.random.randint(key_pairs, (2, DRAWS), 0, len(pi_star))
    i, j = i[i != j], j[i != j]
    i_wins = jax.random.uniform(key_labels, i.shape) < pi_star[i] / (pi_star[i] + pi_star[j])
    return jnp.where(i_wins, i, j), jnp.where(i_wins, j, i)


def loss_value(loss, theta, winners, losers, log_ref, log_star, lam):
    """The batch's loss. theta, log_ref, log_star: A actions; winners, losers: B pairs."""
    log_pi = jax.nn.log_softmax(theta)  # A
    log_u = log_pi - log_ref  # A
    margin = log_u[winners] - log_u[losers]  # B
    if loss == "rlhf":
        return jnp.exp(log_pi) @ (lam * log_u - log_star)
    if loss == "dpo":
        return jax.nn.softplus(-lam * margin).mean()
    if loss == "ipo":
        return ((margin - 1 / (2 * lam)) ** 2).mean()
    if loss == "f-dpo":
        # Jensen-Shannon's log(2u / (1 + u)); its log 2 cancels in the difference.
        slope = -jax.nn.softplus(-log_u)  # A
        return jax.nn.softplus(-lam * (slope[winners] - slope[losers])).mean()
    if loss == "typo":
        pairs = jax.nn.softplus(log_pi[losers] - log_pi[winners]).mean()
        return pairs - lam * (jnp.exp(log_ref) @ log_u)
    raise ValueError(f"unknown loss {loss!r}: use one of {LOSSES}")


@functools.partial(jax.jit, static_argnames=("loss", "steps"))
def run(loss, steps, key, winners, losers, log_ref, log_star, lam, lr):
    """The policy after every step: shape steps x A."""

    batches = jax.random.randint(key, (steps, BATCH), 0, len(winners))  # steps, B

    def step(carry, batch):
        theta, m, v, decay1, decay2 = carry
        grad = jax.grad(loss_value, 1)(loss, theta, *batch, log_ref, log_star, lam)
        grad *= jnp.minimum(1.0, 10.0 / (jnp.linalg.norm(grad) + 1e-6))
        m = 0.9 * m + 0.1 * grad
        v = 0.999 * v + 0.001 * grad**2
        decay1, decay2 = 0.9 * decay1, 0.999 * decay2
        theta -= lr * (m / (1 - decay1)) / (jnp.sqrt(v / (1 - decay2)) + 1e-8)
        return (theta, m, v, decay1, decay2), jax.nn.softmax(theta)

    zero = jnp.zeros_like(log_ref)
    start = (log_ref - log_ref.mean(), zero, zero, 1.0, 1.0)
    return jax.lax.scan(step, start, (winners[batches], losers[batches]))[1]


def seconds(work):
    start = time.perf_counter()
    jax.block_until_ready(work())
    return time.perf_counter() - start


def main():
    log_ref, pi_star = jnp.log(jnp.array(PI_REF)), jnp.array(PI_STAR)
    winners, losers = draw_pairs(jax.random.key(0), pi_star)

    def one(loss, steps, seed):
        lr = 5e-4 if loss == "typo" else 1e-3
        return run(loss, steps, jax.random.key(seed), winners, losers, log_ref, jnp.log(pi_star), LAMBDA, lr)

    def figure_2(seed):
        return [one(loss, 3 * STEPS if loss == "f-dpo" else STEPS, seed) for loss in LOSSES]

    for loss in LOSSES:
        one(loss, STEPS, 0).block_until_ready()  # compiles
        times = [seconds(lambda: one(loss, STEPS, seed)) for seed in range(REPEATS)]
        report("jax", loss, "adam_step", statistics.median(times) / STEPS * 1e6)

    for loss, policies in zip(LOSSES, figure_2(0)):  # compiles f-DPO's longer run
        # Only TYPO stops short of the mode; a wrong run's time means nothing.
        low, high = (0.5, 0.7) if loss == "typo" else (0.95, 1.0)
        if not low < policies[-1, 0] <= high:
            raise SystemExit(f"{loss}: ends at {policies[-1]}, which is not the paper's figure 2")
    times = [seconds(lambda: figure_2(seed)) for seed in range(REPEATS)]
    report("jax", "all", "figure_2", statistics.median(times) * 1e6)


if __name__ == "__main__":
    main()
