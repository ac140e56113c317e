"""What is said about a scene: captions of stills, captions of clips, and longer descriptions."""

from __future__ import annotations

import numpy as np

from .render import Pose, pose
from .world import BACKGROUNDS, COLOURS, MOTIONS, SHAPES, Scene, Thing

_CLIP_TEMPLATES = (
    "a {noun} {motion}",
    "a {noun} {motion} on a {background} background",
    "there is a {noun} {motion}",
    "a video of a {noun} {motion}",
    "the {noun} is {motion}",
    "a {size} {noun} {motion}",
    "on a {background} background a {size} {noun} is {motion}",
    "watch the {noun} {motion}",
)
_STILL_TEMPLATES = (
    "a photo of a {noun}.",
    "a {noun}",
    "a {size} {noun}",
    "a {noun} {place}",
    "there is a {noun} {place}",
    "a picture of a {size} {noun} {place}.",
    "a {noun} on a {background} background",
    "a {size} {noun} {place} on a {background} background",
)
_TRAITS = {
    "moving left": "its place in the frame goes from right to left at a steady speed",
    "moving right": "its place in the frame goes from left to right at a steady speed",
    "moving up": "its place in the frame goes from the bottom to the top at a steady speed",
    "moving down": "its place in the frame goes from the top to the bottom at a steady speed",
    "growing": "it starts small and ends large",
    "shrinking": "it starts large and ends small",
    "spinning clockwise": "it turns about its own middle like the hands of a clock",
    "spinning counterclockwise": "it turns about its own middle against the hands of a clock",
    "blinking": "it is there in some frames and gone in others",
    "bouncing": "it goes up and down again and again like a ball",
    "circling clockwise": "it goes around a circle like the hands of a clock",
    "circling counterclockwise": "it goes around a circle against the hands of a clock",
    "shaking": "it trembles from side to side very quickly",
    "standing still": "it stays at the same place and keeps its size",
}


def size_word(radius: float) -> str:
    """The word for a radius given as a fraction of the frame."""
    return "small" if radius < 0.16 else "large" if radius > 0.23 else "medium"


def place_phrase(x: float, y: float) -> str:
    """The phrase for a centre given as fractions of the frame."""
    row = "top" if y < 0.4 else "bottom" if y > 0.6 else ""
    column = "left" if x < 0.4 else "right" if x > 0.6 else ""
    if row and column:
        return f"at the {row} {column}"
    if row:
        return f"at the {row}"
    return f"on the {column}" if column else "in the middle"


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def still_caption(scene: Scene, frame: int, rng: np.random.RandomState) -> str:
    """Describe one frame: nouns, sizes, places, background; never a word about motion."""
    poses: list[tuple[Thing, Pose]] = [(t, pose(t, frame)) for t in scene.things]
    seen = [(t, p) for t, p in poses if p[4]]
    if not seen:
        return f"a {scene.background} background"
    if len(seen) > 1:
        parts = [f"a {t.noun} {place_phrase(p[0], p[1])}" for t, p in seen]
        return _join(parts if rng.randint(2) else [f"a {t.noun}" for t, _ in seen])
    thing, at = seen[0]
    template = _STILL_TEMPLATES[rng.randint(len(_STILL_TEMPLATES))]
    return template.format(
        noun=thing.noun,
        size=size_word(at[2]),
        place=place_phrase(at[0], at[1]),
        background=scene.background,
    )


def clip_caption(scene: Scene, rng: np.random.RandomState) -> str:
    """A free-form caption of the clip (retrieval): every named object and its motion."""
    if len(scene.things) > 1:
        body = _join([thing.label for thing in scene.things])
        return body + (f" on a {scene.background} background" if rng.randint(2) else "")
    thing = scene.things[0]
    template = _CLIP_TEMPLATES[rng.randint(len(_CLIP_TEMPLATES))]
    return template.format(
        noun=thing.noun,
        motion=thing.motion,
        size=size_word(thing.radius),
        background=scene.background,
    )


def description(scene: Scene) -> str:
    """A longer text in the role of a refined video description: what, where, and how it moves."""
    sentences = [
        f"a {size_word(t.radius)} {t.noun} is {t.motion}: {_TRAITS[t.motion]}."
        for t in scene.things
    ]
    return " ".join([*sentences, f"the background is {scene.background}."])


def attributes(scene: Scene) -> list[str]:
    """All attributes for multi-label work: nouns' shapes and colours, motions, the background."""
    found = {f"a {t.shape}" for t in scene.things} | {f"something {t.colour}" for t in scene.things}
    found |= {f"something {t.motion}" for t in scene.things}
    return sorted(found | {f"a {scene.background} background"})


def vocabulary() -> list[str]:
    """Texts that together hold every word the world uses: what a token table must cover."""
    places = [place_phrase(x, y) for x in (0.1, 0.5, 0.9) for y in (0.1, 0.5, 0.9)]
    words = [*SHAPES, *COLOURS, *BACKGROUNDS, *MOTIONS, *_TRAITS.values(), *places]
    templates = [t.replace("{", "").replace("}", "") for t in _CLIP_TEMPLATES + _STILL_TEMPLATES]
    prompts = ["a photo of a person, using doing during performing practicing. an example video"]
    extra = ["small medium large, and: something the background is", "demonstration X X X"]
    return [*words, *templates, *prompts, *extra]
