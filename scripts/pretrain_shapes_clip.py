"""Train the tiny CLIP of the Shapes world on captioned stills, and ship it as safetensors.

    python scripts/pretrain_shapes_clip.py --steps 4500 --out methods/weights

It sees single frames and texts about nouns, colours, sizes, places and backgrounds; never two frames of
one clip and never a word about motion. Loss: the symmetric contrastive loss over the batch (equal
captions count as positives of each other), plus the contrast of each image with one object against
the captions of all 64 nouns. Writes the weights, and a log with what they can and cannot tell.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import time
from pathlib import Path

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch.nn.attention import SDPBackend, sdpa_kernel
from vclipbench.datasets.shapes.render import pose, render
from vclipbench.datasets.shapes.text import still_caption, vocabulary
from vclipbench.datasets.shapes.world import COLOURS, MOTIONS, SHAPES, can, draw_scene, lots
from vclipbench.methods.shapes_tiny import CONFIG, initial_token_embedding

NOUNS = [f"{colour} {shape}" for colour in COLOURS for shape in SHAPES]
MEAN = torch.tensor(open_clip.OPENAI_DATASET_MEAN).view(3, 1, 1)
STD = torch.tensor(open_clip.OPENAI_DATASET_STD).view(3, 1, 1)


def random_triple(rng: np.random.RandomState) -> tuple[str, str, str]:
    """A colour, a shape and a motion that can be seen."""
    while True:
        triple = (
            list(COLOURS)[rng.randint(8)],
            SHAPES[rng.randint(8)],
            MOTIONS[rng.randint(len(MOTIONS))],
        )
        if can(triple[1], triple[2]):
            return triple


class Stills(torch.utils.data.Dataset):
    """Endless captioned stills: item i is a function of (split, i)."""

    def __init__(self, split: str, length: int, most: int = 2):
        self.split, self.length, self.most = split, length, most

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int):
        rng = lots(0, self.split, index)
        number = 1 if self.most == 1 or rng.rand() < 0.75 else 2
        scene = draw_scene(rng, [random_triple(rng) for _ in range(number)])
        for _ in range(24):
            frame = int(rng.randint(24))
            if all(pose(t, frame)[4] for t in scene.things):
                break
        image = torch.from_numpy(render(scene, frames=[frame])[0]).permute(2, 0, 1)
        noun = NOUNS.index(scene.things[0].noun) if number == 1 else -1
        return image, still_caption(scene, frame, rng), noun


def used_token_ids(tokenizer) -> list[int]:
    """Ids of CLIP's tokens that occur in texts of the world, in rising order."""
    return sorted({int(i) for i in tokenizer(vocabulary()).unique()} | {49406, 49407})


def normalise(image: torch.Tensor) -> torch.Tensor:
    """uint8 [..., 3, H, W] -> float, CLIP's mean and deviation."""
    return (image.float() / 255 - MEAN) / STD


def encode_texts(model, tokenizer, texts: list[str]) -> torch.Tensor:
    """Unit text features; cut after the last end-of-text token, which a causal encoder ignores."""
    tokens = tokenizer(texts)
    tokens = tokens[:, : int(tokens.argmax(1).max()) + 1]
    x = model.token_embedding(tokens) + model.positional_embedding[: tokens.shape[1]]
    mask = model.attn_mask[: tokens.shape[1], : tokens.shape[1]].to(x.dtype)
    x = model.ln_final(model.transformer(x, attn_mask=mask))
    x = x[torch.arange(len(texts)), tokens.argmax(1)] @ model.text_projection
    return F.normalize(x.float(), dim=-1)


def losses(model, tokenizer, images, captions, nouns) -> tuple[torch.Tensor, torch.Tensor]:
    """Contrastive loss over the batch, and the contrast against all 64 nouns."""
    unique = sorted(set(captions))
    place = {text: k for k, text in enumerate(unique)}
    nouns_text = [f"a photo of a {noun}." for noun in NOUNS]
    text = encode_texts(model, tokenizer, unique + nouns_text)
    image = F.normalize(model.encode_image(normalise(images)).float(), dim=-1)
    scale = model.logit_scale.exp()
    index = torch.tensor([place[c] for c in captions])
    logits = scale * image @ text[: len(unique)].T
    counts = torch.bincount(index, minlength=len(unique)).float()
    to_text = F.cross_entropy(logits, index)
    positives = F.one_hot(index, len(unique)).float() / counts
    to_image = -(positives * logits.log_softmax(0)).sum(0).mean()
    single = nouns >= 0
    noun = F.cross_entropy(scale * image[single] @ text[len(unique) :].T, nouns[single])
    return (to_text + to_image) / 2, noun


@torch.no_grad()
def evaluate(model, tokenizer, number: int = 1024) -> dict[str, float]:
    """Zero-shot accuracy on unseen stills (64 nouns) and on motion (14 phrases, mean of 8 frames)."""
    model.eval()
    stills = [Stills("pretrain-test", number, 1)[i] for i in range(number)]
    text = encode_texts(model, tokenizer, [f"a photo of a {noun}." for noun in NOUNS])
    image = torch.cat(
        [
            model.encode_image(normalise(torch.stack([s[0] for s in stills[i : i + 128]])))
            for i in range(0, number, 128)
        ]
    )
    best = (image @ text.T).argmax(1)
    target = torch.tensor([s[2] for s in stills])
    motion_hits = 0
    clips = 280
    for i in range(clips):
        rng = lots(0, "pretrain-motion", i)
        motion = MOTIONS[i % 14]
        colour, shape = list(COLOURS)[rng.randint(8)], SHAPES[1 + rng.randint(7)]
        clip = render(draw_scene(rng, [(colour, shape, motion)]), frames=list(range(1, 24, 3)))
        frames = torch.from_numpy(clip).permute(0, 3, 1, 2)
        feature = model.encode_image(normalise(frames)).mean(0)
        phrases = [f"a photo of a {colour} {shape} {m}." for m in MOTIONS]
        motion_hits += int((encode_texts(model, tokenizer, phrases) @ feature).argmax()) == i % 14
    model.train()
    return {
        "noun_accuracy": float((best == target).float().mean()),
        "colour_accuracy": float((best // 8 == target // 8).float().mean()),
        "shape_accuracy": float((best % 8 == target % 8).float().mean()),
        "motion_accuracy": motion_hits / clips,
        "motion_chance": 1 / 14,
    }


def save(model, tokenizer, out: Path, facts: dict) -> None:
    """Write float16 weights, with only the used rows of the token table."""
    rows = used_token_ids(tokenizer)
    state = {k: v.detach().half() for k, v in model.state_dict().items() if k != "attn_mask"}
    state["token_embedding.rows"] = state.pop("token_embedding.weight")[rows].clone()
    state["token_embedding.ids"] = torch.tensor(rows, dtype=torch.int32)
    out.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in state.items()}, out / "shapes-tiny.safetensors")
    (out / "shapes-tiny.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")


def main() -> None:
    """Train, log, evaluate now and then, and ship."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("methods/weights"))
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    model = open_clip.CLIP(**CONFIG)
    with torch.no_grad():
        model.token_embedding.weight.copy_(initial_token_embedding())
    tokenizer = open_clip.SimpleTokenizer(context_length=77)
    decay = [p for p in model.parameters() if p.ndim >= 2 and p.shape[0] != 49408]
    rest = [p for p in model.parameters() if p.ndim < 2 or p.shape[0] == 49408]
    optimiser = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}],
        lr=args.lr,
        betas=(0.9, 0.98),
    )
    loader = torch.utils.data.DataLoader(
        Stills("pretrain-train", args.steps * args.batch),
        args.batch,
        num_workers=1,
        prefetch_factor=4,
        collate_fn=lambda b: (
            torch.stack([x[0] for x in b]),
            [x[1] for x in b],
            torch.tensor([x[2] for x in b]),
        ),
    )
    args.out.mkdir(parents=True, exist_ok=True)
    log = csv.writer((args.out / "shapes-tiny.csv").open("w"), lineterminator="\n")
    log.writerow(["step", "contrastive_loss", "noun_loss", "logit_scale"])
    start = time.time()
    for step, (images, captions, nouns) in enumerate(loader):
        warm = min(1.0, (step + 1) / 300)
        rate = args.lr * warm * (0.01 + 0.99 * (1 + math.cos(math.pi * step / args.steps)) / 2)
        for group in optimiser.param_groups:
            group["lr"] = rate
        # the plain kernel is twice as fast as the fused one for 65 tokens on a CPU
        with sdpa_kernel(SDPBackend.MATH), torch.autocast("cpu", torch.bfloat16):
            contrastive, noun = losses(model, tokenizer, images, captions, nouns)
        optimiser.zero_grad(set_to_none=True)
        (contrastive + noun).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        if step % 50 == 0:
            row = [step, *(f"{v.item():.4f}" for v in (contrastive, noun, model.logit_scale))]
            log.writerow(row)
            print(*row, f"{time.time() - start:.0f}s", flush=True)
        if (step + 1) % 500 == 0 or step + 1 == args.steps:
            facts = {
                "steps": step + 1,
                "batch": args.batch,
                "lr": args.lr,
                **evaluate(model, tokenizer),
            }
            print(facts, flush=True)
            save(model, tokenizer, args.out, facts)


if __name__ == "__main__":
    main()
