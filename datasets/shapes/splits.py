"""The splits of the Shapes world: which classes they hold and which clip has which label.

Every set of classes is 8 nouns times 3 motions. For half of the nouns two of the three motions are
opposites, which only the order of frames tells apart; the other motions can be told from several
frames in any order. So chance is 1/24, nouns alone give 1/3, frame averaging at best 5/6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from .text import attributes, clip_caption, description
from .world import COLOURS, MOTIONS, SHAPES, Scene, can, draw_scene, lots

Triple = tuple[str, str, str]  # colour, shape, motion

PER_CLASS = 27  # test clips of a class: 648 in a split, so a 95 % interval is within 4 points
POOL = 48  # training clips of a class, from which few-shot lists are drawn
SOURCE_PER_CLASS = 8

_TRIOS = (
    ("moving left", "moving right", "blinking"),
    ("moving up", "growing", "spinning clockwise"),
    ("moving down", "shrinking", "blinking"),
    ("spinning clockwise", "spinning counterclockwise", "bouncing"),
    ("circling clockwise", "circling counterclockwise", "growing"),
    ("moving right", "growing", "blinking"),
    ("growing", "shrinking", "shaking"),
    ("blinking", "shrinking", "standing still"),
)
# name of a class set -> (shift of the colours, shift of the trios); a circle never gets a spin
_SETS = {
    "base": (0, 0),
    "novel": (1, 4),
    "few": (2, 6),
    "zs1": (3, 2),
    "zs2": (4, 5),
    "zs3": (5, 7),
}


@dataclass(frozen=True)
class ShapesClip:
    """One clip of a split: where it stands, what it shows, and every kind of label."""

    split: str
    index: int
    seed: int
    label: int | None  # row of `classes(split)`; None where a clip has many labels
    scene: Scene
    caption: str
    attributes: tuple[str, ...]

    @property
    def id(self) -> str:
        """Unique name within the world, also the path of the video file without its ending."""
        return f"{self.split}/{self.index:05d}"

    @property
    def description(self) -> str:
        """A longer text in the role of a refined description."""
        return description(self.scene)


@cache
def triples(name: str) -> tuple[Triple, ...]:
    """The classes of a set as (colour, shape, motion), in label order."""
    if name == "source":
        return _source_triples()
    colours, (shift, turn) = tuple(COLOURS), _SETS[name]
    return tuple(
        (colours[(s + shift) % 8], shape, motion)
        for s, shape in enumerate(SHAPES)
        for motion in _TRIOS[(s + turn) % 8]
    )


def _source_triples() -> tuple[Triple, ...]:
    """Two motions for each of the 64 nouns, none of them a class of another set."""
    taken = {triple for name in _SETS for triple in triples(name)}
    found: list[Triple] = []
    for number, (colour, shape) in enumerate((c, s) for c in COLOURS for s in SHAPES):
        for start in (5 * number, 5 * number + 7):
            order = [MOTIONS[(start + k) % len(MOTIONS)] for k in range(len(MOTIONS))]
            free = (
                (colour, shape, m)
                for m in order
                if can(shape, m)
                and (colour, shape, m) not in taken
                and (colour, shape, m) not in found
            )
            found.append(next(free))
    return tuple(found)


# split -> (class set, clips per class); the others hold scenes with one to three objects
CLASS_SPLITS = {
    "source": ("source", SOURCE_PER_CLASS),
    "base-train": ("base", POOL),
    "base-val": ("base", PER_CLASS),
    "novel-val": ("novel", PER_CLASS),
    "few-train": ("few", POOL),
    "few-val": ("few", PER_CLASS),
    "zs1-val": ("zs1", PER_CLASS),
    "zs2-val": ("zs2", PER_CLASS),
    "zs3-val": ("zs3", PER_CLASS),
}
SCENE_SPLITS = {"ret-train": 640, "ret-test": 400, "ml-train": 640, "ml-test": 640}
SPLITS = (*CLASS_SPLITS, *SCENE_SPLITS)


def classes(split: str) -> tuple[str, ...]:
    """Class names of a split in label order, e.g. "red star moving left"."""
    return tuple(f"{c} {s} {m}" for c, s, m in triples(CLASS_SPLITS[split][0]))


def multilabel_names(half: str | None = None) -> tuple[str, ...]:
    """Attribute names (multi-label), all or the "base" or "novel" half: every second one."""
    names = [
        *(f"a {s}" for s in SHAPES),
        *(f"something {c}" for c in COLOURS),
        *(f"something {m}" for m in MOTIONS),
    ]
    start = {"base": 0, "novel": 1}.get(half or "", 0)
    return tuple(names[start :: 1 if half is None else 2])


def size(split: str) -> int:
    """Number of clips in a split."""
    if split in SCENE_SPLITS:
        return SCENE_SPLITS[split]
    name, per_class = CLASS_SPLITS[split]
    return len(triples(name)) * per_class


def clip(split: str, index: int, seed: int = 0) -> ShapesClip:
    """Clip `index` of a split: a pure function of (seed, split, index).

    Raises:
        KeyError: no such split. IndexError: no such clip.
    """
    if not 0 <= index < size(split):
        raise IndexError(f"split {split!r} has clips 0 to {size(split) - 1}, not {index}")
    rng = lots(seed, split, index)
    if split in CLASS_SPLITS:
        known = triples(CLASS_SPLITS[split][0])
        label: int | None = index % len(known)
        shown: Sequence[Triple] = [known[index % len(known)]]
    else:
        label, shown = None, _random_triples(rng)
    scene = draw_scene(rng, shown)
    return ShapesClip(
        split, index, seed, label, scene, clip_caption(scene, rng), tuple(attributes(scene))
    )


def _random_triples(rng: np.random.RandomState) -> list[Triple]:
    shown: list[Triple] = []
    number = int(rng.randint(1, 4))
    colours = list(COLOURS)
    while len(shown) < number:
        triple = (
            colours[rng.randint(8)],
            SHAPES[rng.randint(8)],
            MOTIONS[rng.randint(len(MOTIONS))],
        )
        if can(triple[1], triple[2]) and triple[:2] not in [t[:2] for t in shown]:
            shown.append(triple)
    return shown


def few_shot(split: str, shots: int, seed: int) -> list[int]:
    """Indices of a training list with `shots` clips of each class, drawn by the training seed.

    Lists of one seed are nested: the 2-shot list is part of the 16-shot list.

    Raises:
        ValueError: the split has fewer clips of a class.
    """
    name, available = CLASS_SPLITS[split]
    if not 1 <= shots <= available:
        raise ValueError(f"split {split!r} has {available} clips of a class, not {shots}")
    number = len(triples(name))
    chosen = []
    for label in range(number):
        order = lots(seed, f"{split}/few-shot", label).permutation(available)
        chosen += [int(k) * number + label for k in order[:shots]]
    return sorted(chosen)
