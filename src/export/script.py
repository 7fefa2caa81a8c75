#!/usr/bin/env python3
"""Preference-optimisation losses trained on a bandit: one experiment of TYPO Lab as a script that needs only PyTorch.

It draws the very batches that TYPO Lab draws (the seeded stream is written out below), takes the same steps in float64,
and prints where each loss ends as JSON. Equation numbers are those of Hu, He and Wipf, "New Desiderata for
Direct Preference Optimization". Letters: P prompts, A actions, B pairs of a step.
"""

import bisect
import json
import math
import sys

import torch

SPEC = json.loads(r'''
@SPEC@
''')

# RLHF's reward where it is "fitted": the Bradley-Terry fit of the preference data, equation (3), as TYPO Lab finds it. (P, A)
FITTED_REWARD = @FITTED_REWARD@


# ---- The seeded stream ----

MASK = (1 << 64) - 1


class Random:
    """xoshiro256++, its state filled by splitmix64."""

    def __init__(self, seed):
        self.state = []
        for _ in range(4):
            seed = (seed + 0x9E3779B97F4A7C15) & MASK
            z = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
            self.state.append(z ^ (z >> 31))

    def bits(self):
        """64 random bits."""
        a, b, c, d = self.state
        total = (a + d) & MASK
        result = (((total << 23) | (total >> 41)) + a) & MASK
        shifted = (b << 17) & MASK
        c, d = c ^ a, d ^ b
        a, b = a ^ d, b ^ c
        c, d = c ^ shifted, ((d << 45) | (d >> 19)) & MASK
        self.state = [a, b, c, d]
        return result

    def unit(self):
        """Uniform in 0..1."""
        return (self.bits() >> 11) / (1 << 53)

    def below(self, n):
        """A whole number in 0..n."""
        return ((self.bits() >> 32) * n) >> 32

    def shuffle(self, items):
        """Fisher-Yates, in place."""
        for k in range(len(items) - 1, 0, -1):
            other = self.below(k + 1)
            items[k], items[other] = items[other], items[k]


class Alias:
    """Walker's alias method: draws outcomes in proportion to their weights."""

    def __init__(self, weights):
        n = len(weights)
        sum_of_weights = total(weights)
        share = [w / sum_of_weights * n for w in weights]
        self.keep, self.alias = [2**32 - 1] * n, list(range(n))
        small = [k for k in range(n) if share[k] < 1]
        large = [k for k in range(n) if not share[k] < 1]
        while small and large:
            s, l = small.pop(), large[-1]
            self.keep[s], self.alias[s] = int(share[s] * 2**32), l
            share[l] -= 1 - share[s]
            if share[l] < 1:
                small.append(large.pop())
        for k in small:
            if weights[k] == 0:
                self.keep[k] = 0
                self.alias[k] = next((j for j, w in enumerate(weights) if w > 0), 0)

    def draw(self, count, random):
        """That many outcomes; where they are few, one number of the stream serves two draws."""
        n, found = len(self.keep), []
        if n > 1 << 16:
            for _ in range(count):
                bits = random.bits()
                found.append(self.pick(((bits >> 32) * n) >> 32, bits & 0xFFFFFFFF))
            return found
        for k in range(0, count, 2):
            bits = random.bits()
            halves = [bits >> 32, bits & 0xFFFFFFFF] if k + 1 < count else [bits >> 32]
            found += [self.pick((half * n) >> 32, (half * n) & 0xFFFFFFFF) for half in halves]
        return found

    def pick(self, place, fraction):
        return place if fraction < self.keep[place] else self.alias[place]


class Groups:
    """Draws of few outcomes, several at a time: one pick among all ways to spread a group over the outcomes."""

    MOST_WAYS = 800

    def __init__(self, weights, size):
        """`group` is 0 where the ways are too many."""
        n, bits = len(weights), 64 // len(weights)
        self.group = 0
        if bits < 32 and size >> bits > 0:
            return
        fitting = [g for g in range(2, min(5, size) + 1) if math.comb(n + g - 1, g) <= self.MOST_WAYS]
        if not fitting:
            return
        self.group = fitting[-1]
        sum_of_weights = total(weights)
        spread = [([], 1.0)]  # the group's outcomes so far, and their probability but for group!
        for k, weight in enumerate(weights):
            longer = []
            for drawn, probability in spread:
                for count in range(self.group - len(drawn) + 1):
                    if count > 0:
                        probability *= weight / sum_of_weights / count
                    longer.append((drawn + [k] * count, probability))
            spread = longer
        spread = [(drawn, probability) for drawn, probability in spread if len(drawn) == self.group]
        self.ways = [drawn for drawn, _ in spread]
        self.alias = Alias([probability for _, probability in spread])
        self.single = Alias(weights)

    def draw(self, count, random):
        whole = [k for way in self.alias.draw(count // self.group, random) for k in self.ways[way]]
        return whole + self.single.draw(count % self.group, random)


# ---- The preference data ----


def total(values):
    """A plain sum, from left to right: later Pythons' own corrects its rounding, which TYPO Lab's does not."""
    result = 0.0
    for value in values:
        result += value
    return result


def logs(policy):
    """Probabilities, not necessarily normalised, as logarithms. (A)"""
    sum_of_policy = total(policy)
    return [math.log(p / sum_of_policy) if p > 0 else -math.inf for p in policy]


def win_probability(log_i, log_j):
    """Bradley-Terry, equation (55)."""
    if log_i == log_j:
        return 0.5
    odds = log_j - log_i
    return 1 / (1 + (math.exp(odds) if odds < 709 else math.inf))


def table_of_population(log_ref, log_star, pairing):
    """The mass of "row beats column", exactly. (A, A)"""
    actions = range(len(log_ref))
    largest = total(sorted(log_ref, reverse=True)[:2])
    table = [[0.0] * len(log_ref) for _ in actions]
    for i in actions:
        for j in range(i + 1, len(log_ref)):
            q = 1.0 if pairing == "uniform" else math.exp(log_ref[i] + log_ref[j] - largest)
            p = win_probability(log_star[i], log_star[j])
            table[i][j], table[j][i] = q * p, q * (1 - p)
    return table


def sampled_labels(log_ref, log_star, data, random):
    """Draws of two actions as (winner, loser), equal ones dropped."""
    last = len(log_ref) - 1
    cumulative = [total(math.exp(l) for l in log_ref[: k + 1]) for k in range(last + 1)]

    def action():
        if data["pairing"] == "uniform":
            return random.below(last + 1)
        return min(bisect.bisect_right(cumulative, random.unit()), last)

    labels = []
    for _ in range(data["draws"]):
        i, j = sorted((action(), action()))
        if i != j:
            i_won = random.unit() < win_probability(log_star[i], log_star[j])
            labels.append((i, j) if i_won else (j, i))
    return labels


class Data:
    """Every labelled outcome of every prompt: its prompt, winner, loser and mass. `labels` are sampled data's own draws."""

    def __init__(self):
        preferences, prompts = SPEC["preferences"], SPEC["prompts"]
        self.log_ref = [logs(p["pi_ref"]) for p in prompts]  # P, A
        self.log_star = [logs(p["pi_star"]) for p in prompts]  # P, A
        sum_of_weights = total(p["weight"] for p in prompts)
        self.weights = [p["weight"] / sum_of_weights for p in prompts]  # P
        self.outcomes, self.labels = [], []
        random = Random(preferences.get("seed", 0))
        for x, (ref, star) in enumerate(zip(self.log_ref, self.log_star)):
            labels = []
            if preferences["source"] == "population":
                table = table_of_population(ref, star, preferences["pairing"])
            elif preferences["source"] == "counts":
                table = preferences["counts"][x]
            else:
                labels = sampled_labels(ref, star, preferences, random)
                table = [[0.0] * len(ref) for _ in ref]
                for winner, loser in labels:
                    table[winner][loser] += 1
            self.add(x, table, labels)

    def add(self, x, table, labels):
        """Two outcomes for each pair that was compared: first the lower action lost, then it won."""
        actions = range(len(table))
        pairs = [(i, j) for i in actions for j in actions if i < j and table[i][j] + table[j][i] > 0]
        mass = total(table[i][j] + table[j][i] for i, j in pairs)
        place = {}
        for i, j in pairs:
            for winner, loser in ((j, i), (i, j)):
                place[winner, loser] = len(self.outcomes)
                self.outcomes.append((x, winner, loser, table[winner][loser] / mass))
        self.labels.append([place[label] for label in labels])


def batches(data, size, seed):
    """Without end: the outcomes of a step, by number, and what a draw of each prompt weighs.

    Sampled data are walked in epochs, shuffled anew each time; others are drawn by their masses, with replacement.
    """
    random = Random(seed)
    if all(data.labels):
        everything = [k for labels in data.labels for k in labels]
        each = [w * len(everything) / len(labels) / size for w, labels in zip(data.weights, data.labels)]
        position = 0
        while True:
            batch = []
            for _ in range(size):
                position %= len(everything)
                if position == 0:
                    random.shuffle(everything)
                batch.append(everything[position])
                position += 1
            yield batch, each
    masses = [data.weights[x] * mass for x, _, _, mass in data.outcomes]
    groups = Groups(masses, size)
    source = groups if groups.group else Alias(masses)
    while True:
        yield source.draw(size, random), [1 / size] * len(data.weights)


# ---- The losses ----


def score(divergence, t):
    """f'(u) at u = e^t, but for a constant that differences do not see."""
    if divergence == "reverse-kl":
        return t
    if divergence == "forward-kl":
        return -torch.exp(torch.clamp(-t, max=700.0))
    if divergence == "jensen-shannon":
        return torch.nn.functional.logsigmoid(t)  # equation (57)
    alpha = divergence["alpha"]
    return -torch.exp(torch.clamp(-alpha * t, max=700.0)) / alpha


def psi(name, v, lam):
    """The shape of a pair's loss as a function of its margin, equation (11)."""
    if name == "logistic":
        return -torch.nn.functional.logsigmoid(lam * v)
    if name == "squared":
        return (v - 1 / (2 * lam)) ** 2
    if name == "hinge":
        return torch.relu(1 - lam * v)
    if name == "exponential":
        capped = torch.clamp(-lam * v, max=300.0)  # beyond it, the tangent
        return torch.exp(capped) * (1 - lam * v - capped)
    if name == "truncated-quadratic":
        return torch.relu(1 - lam * v) ** 2
    if name == "savage":
        return torch.sigmoid(-lam * v) ** 2
    if name == "threshold":
        return torch.where(v <= 0, lam * v**2, -(v**2) / (1 + v**2))
    raise ValueError(f"psi {name!r} is not known")


def pair_values(loss, log_pi, log_ref, prompts, winners, losers):
    """One value for each labelled pair. (B)

    `log_pi` may lack its normaliser where a loss sees differences of log-ratios alone.
    """
    lam, t = loss["lambda"], log_pi - log_ref
    shape, scores = {
        "dpo": lambda: ("logistic", t),  # (7)
        "ipo": lambda: ("squared", t),  # (10)
        "f-dpo": lambda: ("logistic", score(loss.get("divergence", "jensen-shannon"), t)),
        "qpo": lambda: (loss["psi"], t if loss["mu"] == "log" else score(loss["mu"], t)),  # (11)
        "typo": lambda: ("logistic", log_pi),  # (16)
    }[loss["kind"]]()
    return psi(shape, scores[prompts, winners] - scores[prompts, losers], 1.0 if loss["kind"] == "typo" else lam)


def sees_only_log_ratios(loss):
    """Whether logits serve as well as log-probabilities."""
    mu = {"dpo": "log", "ipo": "log", "f-dpo": loss.get("divergence"), "qpo": loss.get("mu")}.get(loss["kind"])
    return mu in ("log", "reverse-kl")


def prompt_values(loss, log_pi, log_ref, reward):
    """The part of the loss that needs no pairs, for each prompt. (P)"""
    lam, pi, pi_ref = loss["lambda"], log_pi.exp(), log_ref.exp()
    if loss["kind"] == "rlhf":
        return (pi * (-reward + lam * (log_pi - log_ref))).sum(1)  # (4)
    if loss["kind"] == "typo":
        # The authors' convention takes the mean over actions.
        share = 1 / log_ref.shape[1] if SPEC.get("kl") == "authors" else 1.0
        return lam * share * (pi_ref * (log_ref - log_pi)).sum(1)  # (17)
    return torch.zeros(len(log_ref))


# ---- Training ----


def train(loss, data):
    """The log-probabilities that a loss ends at. (P, A)"""
    optimiser_spec, decay = SPEC["optimiser"], SPEC["weight_decay"]
    log_ref = torch.tensor(data.log_ref)  # P, A
    reward = torch.tensor(data.log_star)
    if loss.get("reward") == "fitted":
        reward = torch.tensor(FITTED_REWARD)
    reward = reward.clamp(min=-700.0 * max(1.0, loss["lambda"]))
    prompts, winners, losers = (torch.tensor([o[k] for o in data.outcomes]) for k in range(3))
    masses = torch.tensor([data.weights[o[0]] * o[3] for o in data.outcomes])
    compared = masses.nonzero().flatten()
    size = None if loss["kind"] == "rlhf" else optimiser_spec["batch_size"]
    stream = None if size is None else batches(data, size, optimiser_spec["seed"])

    # Weight decay sees the offset of theta, so it starts with mean zero.
    theta = torch.nn.Parameter(log_ref - torch.tensor([[total(row) / len(row)] for row in data.log_ref]))
    rate = loss.get("learning_rate", optimiser_spec["learning_rate"])
    if optimiser_spec["kind"] == "sgd":
        optimiser = torch.optim.SGD([theta], lr=rate)
    else:
        optimiser = torch.optim.Adam([theta], lr=rate, betas=(0.9, 0.999), eps=1e-8)
    # A threshold's psi rests where margins are exactly 0, and a normaliser would round them away from there.
    bare = sees_only_log_ratios(loss) and not (decay["alpha"] > 0 and decay["on"] == "policy")
    for _ in range(loss.get("steps", optimiser_spec["steps"])):
        if stream is None:
            drawn, weights = compared, masses[compared]
        else:
            batch, each = next(stream)
            drawn = torch.tensor(batch)
            weights = torch.tensor(each)[prompts[drawn]]
        x = prompts[drawn]
        log_pi = torch.log_softmax(theta, 1)
        # A prompt counts as much as the pairs drawn from it.
        share = torch.zeros(len(log_ref)).index_add(0, x, weights)
        value = share @ prompt_values(loss, log_pi, log_ref, reward)
        if loss["kind"] != "rlhf":
            seen = theta if bare else log_pi
            value = value + weights @ pair_values(loss, seen, log_ref, x, winners[drawn], losers[drawn])
        penalised = theta if decay["on"] == "logits" else log_pi.exp()
        value = value + decay["alpha"] * (penalised**2).sum()
        optimiser.zero_grad()
        value.backward()
        norm = theta.grad.norm().item()
        if norm > optimiser_spec["clip_norm"]:
            theta.grad *= optimiser_spec["clip_norm"] / norm
        optimiser.step()
    return torch.log_softmax(theta.detach(), 1)


def main():
    # A handful of numbers never repays a second thread.
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    data = Data()
    runs = []
    for loss in SPEC["losses"]:
        print(f"{loss['kind']}, lambda {loss['lambda']:g} ...", file=sys.stderr)
        pi = train(loss, data).exp().tolist()
        prompts = [{"name": p["name"], "pi": policy} for p, policy in zip(SPEC["prompts"], pi)]
        runs.append({"loss": loss["kind"], "lambda": loss["lambda"], "prompts": prompts})
    print(json.dumps({"runs": runs}))


if __name__ == "__main__":
    main()
