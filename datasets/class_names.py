"""How the official class names are written in prompts: rightly, and as the reference repositories do it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .table import choice

CLASS_NAMES = ("official", "vifi-clip", "open-vclip")

# ViFi-CLIP's label files of HMDB51 (full, base and novel, as X-CLIP's) give these classes each other's name
SWAPPED = {
    "kick": "kick_ball",
    "kick_ball": "kick",
    "sword": "sword_exercise",
    "sword_exercise": "sword",
}
# the one name that Open-VCLIP does not split at its capitals
UNSPLIT = {"YoYo": "Yoyo"}

FAULTS = {
    ("hmdb51", "vifi-clip"): (
        "kick and kick ball, and sword and sword exercise, have each other's name: 120 of the 1,530 test "
        "videos of each split (7.8 %) are scored against the name of the sibling"
    ),
    ("ucf101", "vifi-clip"): (
        "names are not split into words (ApplyEyeMakeup, which CLIP reads as applyeyemakeup), so every "
        "class of several words has another text than in the evaluation of Open-VCLIP"
    ),
    ("ucf101", "open-vclip"): "YoYo is written Yoyo, all other names are split at their capitals",
    ("k400", "open-vclip"): (
        "the two halves of the base-to-novel lists write names with underscores (playing_drums), the "
        "full list does not"
    ),
}


def spelled(dataset: str, names: Iterable[str], class_names: str = "official") -> tuple[str, ...]:
    """Raw official names (as the class folders are called) as they stand in prompts.

    "official" splits camel case, makes underscores blanks, and keeps case and brackets. "vifi-clip" and
    "open-vclip" reproduce the label files of these repositories with their faults (`FAULTS`).

    Raises:
        ValueError: no such set of names.
    """
    choice(class_names, CLASS_NAMES, "set of class names")
    return tuple(_spelled(dataset, name, class_names) for name in names)


def unspelled(dataset: str, names: Iterable[str], class_names: str) -> tuple[str, ...]:
    """The raw official names that a set of class names stands for; `spelled` backwards.

    Raises:
        ValueError: no such set of names.
    """
    choice(class_names, CLASS_NAMES, "set of class names")
    return tuple(_unspelled(dataset, name, class_names) for name in names)


def _spelled(dataset: str, raw: str, class_names: str) -> str:
    if dataset == "hmdb51":
        return (SWAPPED.get(raw, raw) if class_names == "vifi-clip" else raw).replace("_", " ")
    if dataset == "ucf101" and class_names == "open-vclip" and raw in UNSPLIT:
        return UNSPLIT[raw]
    if dataset == "ucf101" and class_names != "vifi-clip":
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", raw)
    return raw


def _unspelled(dataset: str, name: str, class_names: str) -> str:
    if dataset == "hmdb51":
        raw = name.replace(" ", "_")
        return SWAPPED.get(raw, raw) if class_names == "vifi-clip" else raw
    if dataset == "ucf101":
        again = {text: raw for raw, text in UNSPLIT.items()} if class_names == "open-vclip" else {}
        return again.get(name, name.replace(" ", ""))
    if dataset in ("k400", "k600"):
        return name.replace("_", " ")
    return name
