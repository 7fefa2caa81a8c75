"""Times matrix products and whole DPO steps of a GPT-2 in PyTorch on the CPU.

python torch_lm.py           times them; with LM_BENCH_124M set, GPT-2's own size too
python torch_lm.py --known   prints the losses that webgpu.mjs holds the browser's peers to
"""

import json
import os
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

LAMBDA = 0.1
# A constant, as if it had been scored before the training.
REFERENCE = -200.0
TEXTS = 8
TIME = 64
PROMPT = 32
QUEUED = 10
PRODUCTS = ((512, 128, 512), (512, 512, 512), (1024, 768, 3072))
# Name: layers, heads, width, vocabulary.
MODELS = {"0.9M": (4, 4, 128, 512), "10M": (6, 6, 360, 2_048), "124M": (12, 12, 768, 50_257)}
KNOWN = (2, 2, 32, 64)
# Its losses in f64, and how far f32 may be from them.
KNOWN_LOSSES = (0.8842962, 0.8508145, 0.8181617, 0.7863498, 0.7553877, 0.7252807)
TOLERANCE = 1e-4


class Block(nn.Module):
    def __init__(self, heads, width):
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(width)
        self.c_attn = nn.Linear(width, 3 * width)
        self.attn_proj = nn.Linear(width, width)
        self.ln_2 = nn.LayerNorm(width)
        self.c_fc = nn.Linear(width, 4 * width)
        self.mlp_proj = nn.Linear(4 * width, width)

    def forward(self, x):  # texts, time, width
        split = self.c_attn(self.ln_1(x)).unflatten(2, (3, self.heads, -1))
        q, k, v = split.permute(2, 0, 3, 1, 4)  # each: texts, heads, time, width of a head
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_proj(mixed.transpose(1, 2).flatten(2))
        return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Gpt2(nn.Module):
    def __init__(self, layers, heads, width, words):
        super().__init__()
        self.wte = nn.Embedding(words, width)
        self.wpe = nn.Embedding(TIME, width)
        self.h = nn.ModuleList(Block(heads, width) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        # As GPT-2 begins. The embedding's usual weights would saturate the loss: it is the output's too.
        for weight in (p for p in self.parameters() if p.dim() == 2):
            nn.init.normal_(weight, std=0.02)

    def forward(self, ids):
        """Each text's log-probability of its response."""
        x = self.wte(ids) + self.wpe.weight
        for block in self.h:
            x = block(x)
        # Only what comes before a response's tokens meets the vocabulary.
        logits = self.ln_f(x[:, PROMPT - 1 : -1]) @ self.wte.weight.T
        losses = F.cross_entropy(logits.flatten(0, 1), ids[:, PROMPT:].flatten(), reduction="none")
        return -losses.view(len(ids), -1).sum(1)


def dpo_loss(model, ids):
    """Even texts are chosen, odd ones rejected."""
    ratio = model(ids) - REFERENCE
    return -F.logsigmoid(LAMBDA * (ratio[::2] - ratio[1::2])).mean()


def trainer(model, ids):
    """A function that takes a whole step and returns the loss before it."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0)

    def step():
        optimiser.zero_grad()
        loss = dpo_loss(model, ids)
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


def seeded(size):
    """The ids and the model whose weights webgpu.mjs draws, in f64."""
    state = 0x9E3779B1

    def unit():
        nonlocal state
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        return state / 2**32

    _, _, width, words = size
    ids = torch.tensor([int(unit() * words) for _ in range(TEXTS * TIME)]).view(TEXTS, TIME)
    model = Gpt2(*size).double()
    for name, parameter in model.named_parameters():
        gain = float("ln_" in name and "weight" in name)
        values = [gain + 4 / width**0.5 * (unit() - 0.5) for _ in range(parameter.numel())]
        # Rounded to f32, as the others hold them. A layer's weight is in by out there, out by in here.
        values = torch.tensor(values, dtype=torch.float32).double()
        linear = parameter.dim() == 2 and name.startswith("h.")
        parameter.data = values.view(parameter.shape[::-1]).T.contiguous() if linear else values.view(parameter.shape)
    return model, ids


def median_microseconds(rounds, warm_ups, work):
    times = []
    for _ in range(warm_ups + rounds):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times[warm_ups:])


def report(what, microseconds, **more):
    row = {"peer": "pytorch", "what": what, "microseconds": float(f"{microseconds:.4g}"), **more}
    # Flushed, so that a pipe sees each number as soon as it is known.
    print(json.dumps(row, separators=(",", ":")), flush=True)


def check():
    """A peer that computes something else is not a peer: f32 and f64 agree on the first losses."""
    for dtype in (torch.float64, torch.float32):
        model, ids = seeded(KNOWN)
        step = trainer(model.to(dtype), ids)
        for expected in KNOWN_LOSSES:
            loss = step()
            if not abs(loss - expected) < TOLERANCE:
                raise SystemExit(f"the loss in {dtype} is {loss}, not {expected}")


def products():
    for m, k, n in PRODUCTS:
        a, b, out = torch.full((m, k), 0.5), torch.full((k, n), 0.25), torch.empty(m, n)

        def ten():
            for _ in range(QUEUED):
                torch.mm(a, b, out=out)

        report(f"lm/product/{m}x{k}x{n}", median_microseconds(7, 2, ten) / QUEUED)


def steps():
    for name, size in MODELS.items():
        if name == "124M" and "LM_BENCH_124M" not in os.environ:
            continue
        step = trainer(Gpt2(*size), torch.randint(size[3], (TEXTS, TIME)))
        losses = []
        microseconds = median_microseconds(5, 2, lambda: losses.append(step()))
        if not losses[-1] < losses[0]:
            raise SystemExit(f"{name}: the loss does not fall, so its time means nothing: {losses}")
        report(f"lm/step/{name}", microseconds, tokens=TEXTS * TIME)


def main():
    torch.manual_seed(1)
    if "--known" in sys.argv:
        model, ids = seeded(KNOWN)
        step = trainer(model, ids)
        return print([round(step(), 7) for _ in range(6)])
    check()
    products()
    steps()


if __name__ == "__main__":
    main()
