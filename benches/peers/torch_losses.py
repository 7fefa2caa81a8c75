"""The five losses in PyTorch, shared by the timed loop and by the golden check.

A actions; B pairs. log_pi and log_ref have shape A; winners and losers hold B action numbers.
"""

import math

import torch
import torch.nn.functional as F

PAIR_LOSSES = ("dpo", "ipo", "f-dpo", "typo")
LOSSES = ("rlhf", *PAIR_LOSSES)


def kl(log_p, log_q):
    """KL(p || q) in nats."""
    return (log_p.exp() * (log_p - log_q)).sum()


def pair_values(loss, log_pi, log_ref, winners, losers, lam):
    """One loss value for each pair: shape B."""
    log_u = log_pi - log_ref  # A
    margin = log_u[winners] - log_u[losers]  # B
    if loss == "dpo":
        return -F.logsigmoid(lam * margin)
    if loss == "ipo":
        return (margin - 1 / (2 * lam)) ** 2
    if loss == "f-dpo":
        # Jensen-Shannon's log(2u / (1 + u)), written so that a tiny u cannot underflow.
        slope = math.log(2) - F.softplus(-log_u)  # A
        return -F.logsigmoid(lam * (slope[winners] - slope[losers]))
    if loss == "typo":
        return F.softplus(log_pi[losers] - log_pi[winners])
    raise ValueError(f"unknown pair loss {loss!r}: use one of {PAIR_LOSSES}")


def prompt_value(loss, log_pi, log_ref, log_star, lam):
    """The part of the loss that needs no pairs: a scalar, 0 for DPO, IPO and f-DPO."""
    if loss == "rlhf":
        return -(log_pi.exp() * log_star).sum() + lam * kl(log_pi, log_ref)
    if loss == "typo":
        return lam * kl(log_ref, log_pi)
    return torch.zeros((), dtype=log_pi.dtype)
