"""Train the tiny language model of the Shapes world on text about it, and ship it as safetensors.

    python scripts/train_shapes_lm.py --out methods/weights/shapes_lm

It reads captions and descriptions of scenes, and sentences that explain what shapes, colours,
backgrounds and motions are like; never an image. The model is a small Llama of transformers with a
byte-level BPE tokenizer trained on the same text, so any other text can be read too.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from vclipbench.datasets.shapes.text import attributes, clip_caption, description, still_caption
from vclipbench.datasets.shapes.world import (
    BACKGROUNDS,
    COLOURS,
    MOTIONS,
    OPPOSITE,
    SHAPES,
    can,
    draw_scene,
    lots,
)

START, END, LENGTH = "<s>", "</s>", 96
SHAPE_FACTS = {
    "circle": ("it is round", "it has no corners", "it looks the same however it is turned"),
    "square": ("it has four corners", "its four sides are straight and equally long"),
    "triangle": ("it has three corners", "its three sides are straight", "it points up"),
    "star": ("it has five points", "its outline goes in and out ten times", "it looks spiky"),
    "cross": (
        "it has two bars that meet in the middle",
        "it has four arms",
        "it looks like a plus",
    ),
    "heart": ("it has two round halves and one point below", "it is a sign of love"),
    "moon": ("it is a thin curved crescent", "it is round outside and hollow inside"),
    "arrow": ("it has a head and a shaft", "it points up", "it is a sign that shows a way"),
}
COLOUR_FACTS = {
    "red": ("it is a warm colour", "it is the colour of blood and tomatoes"),
    "green": ("it is a cold colour", "it is a mixture of blue and yellow", "grass has it"),
    "blue": ("it is a cold colour", "the sky and the sea have it"),
    "yellow": ("it is a warm colour", "it is very light", "the sun and lemons have it"),
    "purple": ("it is a dark colour", "it is a mixture of red and blue", "plums have it"),
    "orange": ("it is a warm colour", "it is a mixture of red and yellow", "carrots have it"),
    "white": ("it is no colour but light", "it is a mixture of all colours", "snow has it"),
    "pink": ("it is a warm colour", "it is a mixture of red and white", "it is a light red"),
}
BACKGROUND_FACTS = {
    "plain": ("all of it has the same grey",),
    "striped": ("it has light and dark grey stripes side by side",),
    "checkered": ("it has light and dark grey squares like a chess board",),
    "dotted": ("it has many small dots on grey",),
}
MOTION_FACTS = {
    "moving left": ("it goes from right to left", "it starts on the right and ends on the left"),
    "moving right": ("it goes from left to right", "it starts on the left and ends on the right"),
    "moving up": (
        "it goes from the bottom to the top",
        "it rises",
        "it ends higher than it starts",
    ),
    "moving down": (
        "it goes from the top to the bottom",
        "it sinks",
        "it ends lower than it starts",
    ),
    "growing": ("it starts small and ends large", "its size goes up", "it seems to come nearer"),
    "shrinking": ("it starts large and ends small", "its size goes down", "it seems to go away"),
    "spinning clockwise": ("it turns about its own middle like the hands of a clock",),
    "spinning counterclockwise": ("it turns about its own middle against the hands of a clock",),
    "blinking": ("it is there in some frames and gone in others", "it comes and goes like a lamp"),
    "bouncing": ("it goes up and down again and again like a ball",),
    "circling clockwise": ("it goes around a circle like the hands of a clock",),
    "circling counterclockwise": ("it goes around a circle against the hands of a clock",),
    "shaking": ("it trembles from side to side very quickly",),
    "standing still": ("it stays at the same place and keeps its size", "nothing moves"),
}
KEPT_SAME = {
    "place": ("growing", "shrinking", "spinning", "blinking", "standing"),
    "size": ("moving", "spinning", "blinking", "bouncing", "circling", "shaking", "standing"),
}
ONE_FRAME = ("standing still",)


def _one(rng: np.random.RandomState, items) -> str:
    return items[rng.randint(len(items))]


def _triple(rng: np.random.RandomState) -> tuple[str, str, str]:
    while True:
        colour, shape, motion = _one(rng, list(COLOURS)), _one(rng, SHAPES), _one(rng, MOTIONS)
        if can(shape, motion):
            return colour, shape, motion


def _channels(colour: str) -> str:
    words = ["none", "little", "some", "much", "all"]
    amounts = [words[round(c / 255 * 4)] for c in COLOURS[colour]]
    return "its red is {}, its green is {} and its blue is {}".format(*amounts)


def _scene_text(rng: np.random.RandomState) -> str:
    scene = draw_scene(rng, [_triple(rng) for _ in range(1 + int(rng.rand() < 0.3))])
    kind = rng.randint(4)
    if kind == 0:
        return clip_caption(scene, rng)
    if kind == 1:
        return still_caption(scene, int(rng.randint(24)), rng)
    if kind == 2:
        return description(scene)
    return clip_caption(scene, rng) + ". one can see: " + ", ".join(attributes(scene)) + "."


def _shape_fact(rng: np.random.RandomState) -> str:
    shape = _one(rng, SHAPES)
    return f"a {shape}: {_one(rng, SHAPE_FACTS[shape])}."


def _colour_fact(rng: np.random.RandomState) -> str:
    colour = _one(rng, list(COLOURS))
    fact = _channels(colour) if rng.rand() < 0.3 else _one(rng, COLOUR_FACTS[colour])
    return f"something {colour}: {fact}."


def _motion_fact(rng: np.random.RandomState) -> str:
    motion = _one(rng, MOTIONS)
    first = motion.split()[0]
    facts = list(MOTION_FACTS[motion])
    facts += [f"its {what} stays the same" for what, words in KEPT_SAME.items() if first in words]
    if motion in OPPOSITE:
        facts += [
            f"it is the opposite of {OPPOSITE[motion]}",
            f"played backwards it is {OPPOSITE[motion]}",
            "only the order of the frames tells which way",
        ]
    elif motion not in ONE_FRAME:
        facts.append("several frames show it and one frame does not")
    return f"something {motion}: {_one(rng, facts)}."


def _background_fact(rng: np.random.RandomState) -> str:
    background = _one(rng, BACKGROUNDS)
    return f"a {background} background: {_one(rng, BACKGROUND_FACTS[background])}."


def _class_fact(rng: np.random.RandomState) -> str:
    """A class name, then what each of its words says: what a label's hidden states should hold."""
    colour, shape, motion = _triple(rng)
    name = f"{colour} {shape} {motion}"
    facts = [
        f"it is {colour}, {_one(rng, COLOUR_FACTS[colour])}",
        f"it is a {shape}, {_one(rng, SHAPE_FACTS[shape])}",
        f"it is {motion}, {_one(rng, MOTION_FACTS[motion])}",
    ]
    rng.shuffle(facts)
    return _one(rng, ("{}", "a {}", "a video of a {}")).format(name) + ": " + "; ".join(facts) + "."


_KINDS: tuple[tuple[float, Callable[[np.random.RandomState], str]], ...] = (
    (0.3, _scene_text),
    (0.1, _shape_fact),
    (0.1, _colour_fact),
    (0.15, _motion_fact),
    (0.05, _background_fact),
    (0.3, _class_fact),
)


def sentence(split: str, index: int) -> str:
    """Text `index` of a split: one to three sentences about the world."""
    rng = lots(0, f"lm-{split}", index)
    kind = int(rng.choice(len(_KINDS), p=[share for share, _ in _KINDS]))
    return _KINDS[kind][1](rng)


def train_tokenizer(texts: list[str], size: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE: no text is unknown to it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=START, eos_token=END)


def packed(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> Tensor:
    """All texts one after the other, each between its marks, cut into rows [N, LENGTH]."""
    first, last = tokenizer.bos_token_id, tokenizer.eos_token_id
    rows = tokenizer(texts, add_special_tokens=False)["input_ids"]
    flat = torch.tensor([i for row in rows for i in (first, *row, last)])
    return flat[: len(flat) // LENGTH * LENGTH].view(-1, LENGTH)


def unigram_perplexity(train: Tensor, test: Tensor, size: int) -> float:
    """Perplexity of the test tokens under the shares of the training tokens, plus one each."""
    counts = torch.bincount(train.flatten(), minlength=size) + 1.0
    return float((-(counts / counts.sum()).log()[test[:, 1:]]).mean().exp())


@torch.no_grad()
def perplexity(model: LlamaForCausalLM, test: Tensor) -> float:
    """Of the tokens after the first of each row."""
    model.eval()
    losses = [float(model(input_ids=rows, labels=rows).loss) for rows in test.split(64)]
    sizes = [len(rows) for rows in test.split(64)]
    model.train()
    return math.exp(sum(a * b for a, b in zip(losses, sizes, strict=True)) / len(test))


def build(size: int, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """The model before training."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=size,
            hidden_size=192,
            intermediate_size=512,
            num_hidden_layers=4,
            num_attention_heads=3,
            num_key_value_heads=3,
            max_position_embeddings=256,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=None,
        )
    )


def fit(model: LlamaForCausalLM, train: Tensor, steps: int, batch: int, lr: float) -> None:
    """AdamW with warm-up and cosine over shuffled rows."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.01)
    start, order = time.time(), torch.randperm(len(train))
    for step in range(steps):
        at = step * batch % (len(train) - batch)
        rows = train[order[at : at + batch]]
        rate = min(1.0, (step + 1) / 50) * (
            0.02 + 0.98 * (1 + math.cos(math.pi * step / steps)) / 2
        )
        for group in optimiser.param_groups:
            group["lr"] = lr * rate
        loss = model(input_ids=rows, labels=rows).loss
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step % 50 == 0 or step + 1 == steps:
            print(step, f"{loss.item():.4f}", f"{time.time() - start:.0f}s", flush=True)


def ship(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Write float16 weights (loading gives float32), the configuration and the tokenizer."""
    out.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(out)
    (out / "generation_config.json").unlink(missing_ok=True)  # nothing is generated
    tokenizer.save_pretrained(out)
    for file in out.iterdir():
        file.chmod(0o644)


def main() -> None:
    """Make the text, train tokenizer and model, measure, and ship."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--texts", type=int, default=40000)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--vocabulary", type=int, default=640)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("methods/weights/shapes_lm"))
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    texts = [sentence("train", i) for i in range(args.texts)]
    known = set(texts)
    unseen = [t for t in (sentence("test", i) for i in range(4000)) if t not in known]
    tokenizer = train_tokenizer(texts, args.vocabulary)
    train, test = packed(tokenizer, texts), packed(tokenizer, unseen)
    size = len(tokenizer)
    print(
        len(texts), "texts,", len(unseen), "unseen,", train.numel(), "tokens,", size, "in the table"
    )
    model = build(size, tokenizer)
    start = time.time()
    fit(model, train, args.steps, args.batch, args.lr)
    facts = {
        "texts": args.texts,
        "tokens_seen": args.steps * args.batch * LENGTH,
        "steps": args.steps,
        "batch": args.batch,
        "lr": args.lr,
        "vocabulary": size,
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(time.time() - start),
        "held_out_texts": len(unseen),
        "held_out_perplexity": round(perplexity(model, test), 3),
        "unigram_perplexity": round(unigram_perplexity(train, test, size), 3),
    }
    ship(model, tokenizer, args.out)
    (args.out / "card.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")
    print(facts)


if __name__ == "__main__":
    main()
