"""Makes the fixtures of the byte-level BPE: what Hugging Face's `tokenizers` does with strings that are easy to get wrong.

    python3 -m venv venv && venv/bin/pip install tokenizers==0.23.3
    venv/bin/python tests/lm/tokenizer.py

Everything comes from one seed and from text made up here. Written beside this file, under tokenizer/:

- tokenizer.json, vocab.json, merges.txt: a trained vocabulary with two special tokens, in both of the usual forms
- strings.jsonl: a string a line with its token numbers, [text, [id, ...]]
- classes.json: for each of the four classes that the splitting pattern knows, the runs of Unicode's scalar values in it,
  [first, length, first, length, ...]
- order.json: a hand-made vocabulary in which the pairs that merge, and not only which tokens exist, decide

and src/lm/tokenizer/letters.rs, the table of letters and numbers that our own pattern goes by.
"""

import json
import random
import re
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

OUT = Path(__file__).parent / "tokenizer"
TABLE = Path(__file__).parents[2] / "src/lm/tokenizer/letters.rs"
SEED = 20261123
VOCABULARY = 2000
STRINGS = 10_000
SPECIALS = ["<|endoftext|>", "<|pad|>"]

SPACES = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u180e\u2000\u2002\u2003\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'Ve", "\u2019s", "'", "''", "'l", "'r", "'v", "`s", "'ſ"]
SYLLABLES = "ba ca do fe gi ha jo ka li mu no pe qua ro si ti un ve wy xa yo za str ing tion the er an es ed".split()
# Letters, numbers and signs of many scripts, with first and last code points of blocks and planes.
LETTERS = "aZßſÆøŁıİŉǅǲʰʼͅΩςЖҊאםعپअकক்ท໐กႠᄀᅠ가힣ㄱあァー一龥豈ﬁﬀＡｚᎠꭰ𐌰𐐀𝐀𝕫𝟘𐤀𞤀𠀀𪛖𫝀丽🄰ªºµ"
NUMBERS = "0123456789²³¹¼½¾٠٣۹०९๐༠Ⅷⅷↀ①⑳㉈㊿〇〡一二三𐄇𝟎𝟡🄀𐹠፩፲꘠"
MARKS = "\u0300\u0301\u0308\u0327\u0345\u0488\u05b4\u064b\u0903\u093f\u094d\u0e34\u0eb1\u135f\u20dd\u302a\u3099\u309a\ufe0f\ufe0e\U0001d165\U000e0100"
SIGNS = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~¡«»¿×÷–—‘’“”…€№™←∀∑∞■♥、。「」﹏！？￥¬¦¨¯´¸"
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇩🇪", "❤️", "1️⃣", "🏳️‍🌈", "🇦", "\u200d", "🏽"]
EDGES = "\x00\x01\x07\x08\x1b\x7f\x80\x9f\xad\u034f\u061c\u070f\u07ff\u0800\u115f\u2007\u200c\u200d\u200e\u200f\u202e\u2060\u2066\u206f\ud7fb\ud7ff\ue000\uf8ff\ufdd0\ufdef\ufff9\ufffc\ufffd\ufffe\uffff\U00010000\U0001fffe\U0001ffff\U0002ffff\U000e0001\U000e007f\U000f0000\U0010fffd\U0010ffff"
# Assigned to letters and numbers by recent versions of Unicode.
RECENT = "\u0870\u1c89\ua7cb\ua7da\U00010570\U000105c0\U00010d40\U00010d6f\U00011240\U00016d40\U0001e5d0\U0001e6c0\U0001fbf0\U0002ebf0\U00031350\U000323b0"
# What bytes are written as in vocab.json, here as plain text.
ALPHABET = "ĠĊĉčĀÿĶłŃġĢ"


def byte_level(specials):
    """GPT-2's own arrangement around a BPE model."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(s, normalized=False) for s in specials])
    return tokenizer


def word(rng):
    kind = rng.random()
    if kind < 0.6:
        text = "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 3)))
        return rng.choice([text, text, text.capitalize(), text.upper()])
    if kind < 0.75:
        start = rng.choice(LETTERS)
        return "".join(chr(ord(start) + rng.randint(0, 3)) if rng.random() < 0.5 else start for _ in range(rng.randint(1, 4)))
    if kind < 0.85:
        return "".join(rng.choice(NUMBERS[:10] if rng.random() < 0.7 else NUMBERS) for _ in range(rng.randint(1, 5)))
    if kind < 0.93:
        return "".join(rng.choice(SIGNS) for _ in range(rng.randint(1, 3)))
    return rng.choice(EMOJI)


def training_text(rng):
    for _ in range(6000):
        line = []
        for _ in range(rng.randint(1, 12)):
            line.append(word(rng))
            line.append(rng.choice(CONTRACTIONS) if rng.random() < 0.15 else "")
            line.append(rng.choice(["", "  ", "\n", "\n\n", "   ", "\t", "\r\n", ", "]) if rng.random() < 0.3 else " ")
        yield "".join(line)


def anything(rng):
    """One scalar value, every plane and every length in UTF-8 likely."""
    while True:
        c = rng.randrange(0, rng.choice([0x80, 0x800, 0x3000, 0x10000, 0x20000, 0x110000]))
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def piece(rng):
    makers = [
        lambda: rng.choice(SPACES),
        lambda: rng.choice(SPACES) * rng.randint(1, 4),
        lambda: " " * rng.randint(1, 6),
        lambda: rng.choice(CONTRACTIONS),
        lambda: rng.choice(LETTERS),
        lambda: rng.choice(NUMBERS),
        lambda: rng.choice(SIGNS),
        lambda: rng.choice(MARKS),
        lambda: rng.choice(EMOJI),
        lambda: rng.choice(EDGES),
        lambda: rng.choice(RECENT),
        lambda: rng.choice(ALPHABET),
        lambda: anything(rng),
        lambda: word(rng),
        lambda: word(rng),
        lambda: " " + word(rng),
        lambda: rng.choice(SPECIALS) if rng.random() < 0.3 else rng.choice(["<|", "|>", "<|endoftext", "endoftext|>", "<|PAD|>", "<"]),
    ]
    return rng.choice(makers)()


def strings(rng):
    """Distinct strings: the short ones that every tokenizer must pass, a few long ones, then mixtures."""
    found = dict.fromkeys(["", " ", "  ", "\n", "'", "Hello world!", "I'll, you've; HE'S", "\n\nHuman: Hi\n\nAssistant: Hello."])
    found.update(dict.fromkeys(SPECIALS + ["".join(SPECIALS), SPECIALS[0] * 3, f"a{SPECIALS[0]}b", f" {SPECIALS[0]} "]))
    for group in [SPACES, LETTERS, NUMBERS, MARKS, SIGNS, EDGES, RECENT, ALPHABET]:
        for c in group:
            found.update(dict.fromkeys([c, f" {c}", f"a{c}b", f"1{c}{c}", f"!{c} "]))
    for long in ["ba" * 200, " " * 300, "\n" * 150, "👍🏽" * 40, "a'll" * 60, "Ġ " * 80, "0" * 300, "\u0301" * 100]:
        found[long] = None
    while len(found) < STRINGS:
        found["".join(piece(rng) for _ in range(rng.randint(1, 5)))] = None
    return list(found)


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def classes(tokenizer):
    """Asked of the pre-tokenizer itself: a letter stays with a letter, a number with a number, other signs with signs."""
    split = tokenizer.pre_tokenizer.pre_tokenize_str
    runs = {"letter": [], "number": [], "other": [], "space": []}
    last = None
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000:
            continue
        joined = [len(split(before + chr(c))) == 1 for before in ["A", "1", "!"]]
        assert sum(joined) <= 1, hex(c)
        name = ["letter", "number", "other", "space"][joined.index(True) if any(joined) else 3]
        run = runs[name]
        if name == last and run[-2] + run[-1] == c:
            run[-1] += 1
        else:
            run.extend([c, 1])
        last = name
    return runs


def table(runs):
    """The table of classes as Rust: first and last scalar value of each run."""
    lines = [
        "//! Unicode's letters (L) and numbers (N) in the version that Hugging Face's `tokenizers` knows, which token numbers depend on.",
        "//! Written by `tests/lm/tokenizer.py`; not to be edited.",
    ]
    for name in ["letter", "number"]:
        pairs = [(first, first + length - 1) for first, length in zip(runs[name][::2], runs[name][1::2])]
        lines += ["", f"/// Runs of {name}s: first and last, ascending.", "#[rustfmt::skip]"]
        lines.append(f"pub const {name.upper()}S: [(u32, u32); {len(pairs)}] = [")
        cells = [f"({first:#x}, {last:#x})," for first, last in pairs]
        lines += ["    " + " ".join(cells[k : k + 6]) for k in range(0, len(cells), 6)]
        lines.append("];")
    return "\n".join(lines) + "\n"


def order():
    """The token abc is made of a and bc only, so that ab c stays as it is; some pairs overlap with themselves."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("a", "b"), ("b", "c"), ("a", "bc"), ("c", "d"), ("ab", "cd"), ("d", "d"), ("dd", "d"), ("Ġ", "a"), ("x", "x"), ("xx", "xx")]
    vocabulary = {token: k for k, token in enumerate(reversed(alphabet))}
    for left, right in merges:
        vocabulary.setdefault(left + right, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def short_words(letters, longest):
    words = [""]
    for word in words:
        if len(word) < longest:
            words.extend(word + c for c in letters)
    return words


def main():
    OUT.mkdir(exist_ok=True)
    rng = random.Random(SEED)
    tokenizer = byte_level(SPECIALS)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIALS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(training_text(rng), trainer)

    whole = json.loads(tokenizer.to_str())
    (OUT / "tokenizer.json").write_text(compact(whole) + "\n", encoding="utf-8")
    (OUT / "vocab.json").write_text(compact(whole["model"]["vocab"]) + "\n", encoding="utf-8")
    merges = "".join(f"{left} {right}\n" for left, right in whole["model"]["merges"])
    (OUT / "merges.txt").write_text("#version: 0.2\n" + merges, encoding="utf-8")

    with (OUT / "strings.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for text in strings(rng):
            ids = tokenizer.encode(text).ids
            assert tokenizer.decode(ids, skip_special_tokens=False) == text, repr(text)
            file.write(compact([text, ids]) + "\n")

    runs = classes(tokenizer)
    (OUT / "classes.json").write_text(compact(runs) + "\n", encoding="utf-8")
    TABLE.write_text(table(runs), encoding="utf-8")

    tricky = order()
    cases = [[word, tricky.encode(word).ids] for word in short_words("abcd", 6) if re.search("ab|bc|dd", word)][::3]
    cases += [[word, tricky.encode(word).ids] for word in ["x" * k for k in range(12)] + [" abc", "a abcd", " a bcd"]]
    (OUT / "order.json").write_text(compact({"tokenizer": json.loads(tricky.to_str()), "strings": cases}) + "\n", encoding="utf-8")


main()
