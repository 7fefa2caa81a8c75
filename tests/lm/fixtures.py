#!/usr/bin/env python3
"""Makes the engine's fixtures: two small random GPT-2 models, and what PyTorch and Transformers compute with them.

Usage: python fixtures.py   (torch, transformers and safetensors from PyPI; writes next to itself)

Everything is computed in float64 and stored as float32, so that the fixtures' own rounding is far below the tolerance.
For each NAME: NAME/config.json and NAME/model.safetensors as Hugging Face writes them; NAME/cases.json with the texts,
settings and each loss's value over ten AdamW steps; NAME/expected.safetensors with logits, sequence log-probabilities,
per-tensor gradients and log-probabilities and weights after ten steps of each loss.
"""
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

HERE = Path(__file__).parent
CONFIGS = {
    "small": dict(n_layer=2, n_head=2, n_embd=16, n_positions=12, vocab_size=31),
    # No size is a multiple of a vector's width.
    "odd": dict(n_layer=3, n_head=3, n_embd=15, n_positions=11, vocab_size=37),
}
STEPS = 10
OPTIMISER = dict(learning_rate=1e-3, weight_decay=0.01, clip_norm=1.0)
LOSSES = {"sft": 0.0, "dpo": 0.5, "ipo": 0.5, "ipo-mean": 0.5, "f-dpo": 0.5, "typo": 0.3, "rlhf": 0.2}


def model_of(sizes):
    config = GPT2Config(**sizes, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0, bos_token_id=0, eos_token_id=0, attn_implementation="eager")
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            # Much larger than at a usual start, so that every part of the model matters.
            centre = 1.0 if ".ln_" in name and name.endswith("weight") else 0.0
            p.copy_(centre + 0.25 * torch.randn_like(p))
    return model


def texts(vocabulary, longest):
    """Six texts: two pairs and two samples; lengths differ, one fills the context, one response is a single token."""
    ids = lambda n: torch.randint(0, vocabulary, (n,)).tolist()
    first, second = ids(3), ids(1)
    return [
        dict(ids=first + ids(longest - 3), prompt=3),
        dict(ids=first + ids(1), prompt=3),
        dict(ids=second + ids(4), prompt=1),
        dict(ids=second + ids(6), prompt=1),
        dict(ids=first + ids(2), prompt=3),
        dict(ids=second + ids(5), prompt=1),
    ]


def padded(sequences):
    longest = max(len(s["ids"]) for s in sequences)
    return torch.tensor([s["ids"] + [0] * (longest - len(s["ids"])) for s in sequences])


def log_probs(model, sequences):
    """Summed response log-probabilities, and how many tokens each response has."""
    ids = padded(sequences)
    every = F.log_softmax(model(ids).logits[:, :-1], dim=-1).gather(-1, ids[:, 1:, None])[..., 0]
    where = torch.arange(1, ids.shape[1])[None, :]
    prompt = torch.tensor([[s["prompt"]] for s in sequences])
    length = torch.tensor([[len(s["ids"])] for s in sequences])
    scored = (where >= prompt) & (where < length)
    return (every * scored).sum(-1), scored.sum(-1)


def objective(kind, lam, logp, counts, ref, rewards):
    """The loss whose gradient is taken, and the value that is reported."""
    w, l, n = logp[[0, 2]], logp[[1, 3]], counts
    rw, rl = ref[[0, 2]], ref[[1, 3]]
    delta = (w - rw) - (l - rl)
    if kind == "sft":
        loss = -w.sum() / n[[0, 2]].sum()
    elif kind == "dpo":
        loss = -F.logsigmoid(lam * delta).mean()
    elif kind == "ipo":
        loss = ((delta - 1 / (2 * lam)) ** 2).mean()
    elif kind == "ipo-mean":
        mean = (w - rw) / n[[0, 2]] - (l - rl) / n[[1, 3]]
        loss = ((mean - 1 / (2 * lam)) ** 2).mean()
    elif kind == "f-dpo":
        score = lambda t: math.log(2) + t - F.softplus(t)
        loss = -F.logsigmoid(lam * (score(w - rw) - score(l - rl))).mean()
    elif kind == "typo":
        loss = F.softplus(l - w).mean() + lam * (ref[4:] - logp[4:]).mean()
    elif kind == "rlhf":
        cost = -rewards + lam * (logp[4:] - ref[4:])
        weight = (cost - cost.mean()).detach()
        return (weight * logp[4:]).mean(), cost.mean().item()
    return loss, loss.item()


def train(sizes, start, kind, lam, sequences, ref, rewards):
    model = model_of(sizes).double()
    model.load_state_dict(start)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=OPTIMISER["learning_rate"], betas=(0.9, 0.999), eps=1e-8, weight_decay=OPTIMISER["weight_decay"]
    )
    values, first = [], {}
    for step in range(STEPS):
        optimiser.zero_grad()
        logp, counts = log_probs(model, sequences)
        loss, value = objective(kind, lam, logp, counts, ref, rewards)
        values.append(value)
        loss.backward()
        if step == 0:
            first = named(model, lambda p: p.grad.clone())
        torch.nn.utils.clip_grad_norm_(model.parameters(), OPTIMISER["clip_norm"])
        optimiser.step()
    with torch.no_grad():
        after, _ = log_probs(model, sequences)
    return values, first, named(model, lambda p: p.detach()), after


def named(model, of):
    return {name.removeprefix("transformer."): of(p) for name, p in model.named_parameters()}


def main():
    for index, (name, sizes) in enumerate(CONFIGS.items()):
        torch.manual_seed(index)
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        model = model_of(sizes)
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        model = model.double()
        start = {k: v.clone() for k, v in model.state_dict().items()}
        sequences = texts(sizes["vocab_size"], sizes["n_positions"])
        rewards = torch.tensor([0.7, -0.4], dtype=torch.float64)
        with torch.no_grad():
            ref, counts = log_probs(model, sequences)
            expected = {"logits": model(padded(sequences)).logits, "logp": ref}
        losses = {}
        for kind, lam in LOSSES.items():
            values, first, last, after = train(sizes, start, kind, lam, sequences, ref, rewards)
            losses[kind] = dict(**{"lambda": lam}, values=values)
            expected[f"{kind}/logp"] = after
            expected |= {f"{kind}/grad/{k}": v for k, v in first.items()}
            expected |= {f"{kind}/last/{k}": v for k, v in last.items()}
        save_file({k: v.float().contiguous() for k, v in expected.items()}, folder / "expected.safetensors")
        cases = dict(sequences=sequences, counts=counts.tolist(), rewards=rewards.tolist(), optimiser=OPTIMISER, losses=losses)
        (folder / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
