#!/usr/bin/env python3
"""Makes the fixtures that hold our pair losses to TRL's DPOTrainer: values and gradients of DPO, IPO and f-DPO.

Usage: python dpo_trainer.py   (trl 1.16.0 from PyPI, which brings torch and transformers; writes next to itself, after fixtures.py)

TRL's beta is our λ. Its f-DPO is `f_divergence_type="js_divergence"`. Its IPO aims at 1/(2 beta) with log-probabilities averaged over a
response's tokens, as ours does with `--length mean`; on responses of one token it is also the summed form.

- trl.json: single pairs from a model that says given log-probabilities: the loss, and its slopes in the two summed log-probabilities
- NAME/trl.json and NAME/trl.safetensors: the trainer's own loss of the fixture's two pairs against another model as reference, whose
  log-probabilities are given, and its gradient in every tensor. Computed in float64, stored as float32.
"""
import json
import tempfile
from types import SimpleNamespace

import torch
from datasets import Dataset
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer

from fixtures import CONFIGS, HERE, named

KINDS = {
    "dpo": dict(loss_type="sigmoid"),
    "ipo-mean": dict(loss_type="ipo"),
    "f-dpo": dict(loss_type="sigmoid", f_divergence_type="js_divergence"),
}
LAMBDAS = [0.05, 0.5, 4.0]


def trainer_of(model, ref, kind, lam):
    words = Tokenizer(models.WordLevel({"a": 0, "b": 1, "<end>": 2}, unk_token="a"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    config = DPOConfig(
        output_dir=tempfile.mkdtemp(), beta=lam, use_cpu=True, bf16=False, gradient_checkpointing=False, report_to="none", max_length=None, **KINDS[kind]
    )
    return DPOTrainer(
        model=model,
        ref_model=ref,
        args=config,
        # It asks for a data set at once. Ours are token numbers, which go straight to its collator.
        train_dataset=Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "a"}]),
        processing_class=PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>", pad_token="a"),
    )


def pair(chosen, rejected):
    cut = chosen["prompt"]
    return dict(prompt_ids=chosen["ids"][:cut], chosen_ids=chosen["ids"][cut:], rejected_ids=rejected["ids"][cut:])


def through_a_model(name):
    folder = HERE / name
    sequences = json.loads((folder / "cases.json").read_text())["sequences"]
    read = lambda: GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float64)
    torch.manual_seed(len(name))
    ref = read()
    with torch.no_grad():
        for p in ref.parameters():
            p.add_(0.05 * torch.randn_like(p))
    cases, tensors = [], {}
    for kind in KINDS:
        for lam in LAMBDAS:
            model = read()
            trainer = trainer_of(model, ref, kind, lam)
            inputs = trainer.data_collator([pair(*sequences[0:2]), pair(*sequences[2:4])])
            chosen, rejected = trainer.compute_ref_log_probs(trainer.ref_model, inputs)
            loss = trainer.compute_loss(model.train(), inputs)
            loss.backward()
            cases.append({"kind": kind, "lambda": lam, "value": loss.item(), "ref_chosen": chosen.tolist(), "ref_rejected": rejected.tolist()})
            if lam == LAMBDAS[1]:
                gradients = named(model, lambda p: p.grad.float().contiguous())
                tensors |= {f"{kind}/{lam}/{tensor}": values for tensor, values in gradients.items()}
    (folder / "trl.json").write_text(json.dumps(cases, indent=1) + "\n")
    save_file(tensors, folder / "trl.safetensors")


class Says(torch.nn.Module):
    """A model of which TRL sees log-probabilities alone."""

    def __init__(self, of_tokens):
        super().__init__()
        self.log_probs = torch.nn.Parameter(of_tokens)

    def forward(self, **_):
        zeros = torch.zeros_like(self.log_probs)
        return SimpleNamespace(log_probs=self.log_probs, entropy=zeros, mean_logits=zeros, is_top1=zeros.bool())


def single_pairs():
    """Pairs at, near and far from the reference, and where the logistic saturates."""
    torch.manual_seed(7)
    model = GPT2LMHeadModel.from_pretrained(HERE / "small")
    ref = GPT2LMHeadModel.from_pretrained(HERE / "small")
    points = [[-3.0, -3.0, -3.0, -3.0], [-0.5, -40.0, -20.0, -1.0], [-60.0, -0.25, -0.5, -45.0], [-1e-4, -9.0, -1e-3, -9.5]]
    points += (-12 * torch.rand(12, 4, dtype=torch.float64)).tolist()
    lines = []
    for kind in KINDS:
        for lam in LAMBDAS:
            trainer = trainer_of(model, ref, kind, lam)
            for k, point in enumerate(points):
                # IPO's mean over one token is the sum; every third pair has more.
                tokens = [3, 2] if k % 3 == 2 else [1, 1]
                longest = max(tokens)
                mask = torch.tensor([[0] + [1] * n + [0] * (longest - n) for n in tokens])
                says = [Says(torch.tensor([[x / n] * n + [0.0] * (longest - n) for x, n in zip(two, tokens)], dtype=torch.float64)) for two in (point[:2], point[2:])]
                trainer.ref_model = says[1]
                inputs = dict(input_ids=mask, attention_mask=torch.ones_like(mask), completion_mask=mask)
                loss = trainer.compute_loss(says[0], inputs)
                loss.backward()
                slopes = says[0].log_probs.grad[:, 0].tolist()
                lines.append(dict(kind=kind, **{"lambda": lam}, logp=point[:2], ref=point[2:], tokens=tokens, value=loss.item(), slopes=slopes))
    rows = ",\n".join(" " + json.dumps(line) for line in lines)
    (HERE / "trl.json").write_text(f"[\n{rows}\n]\n")


def main():
    single_pairs()
    for name in CONFIGS:
        through_a_model(name)


if __name__ == "__main__":
    main()
