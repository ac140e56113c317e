"""The published protocols planned from the real annotation files, and stand-ins for what cannot be had."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from unittest.mock import patch

import fake_lists
from annotation_roots import link_roots
from vclipbench.datasets import reference_lists
from vclipbench.datasets.roots import Roots
from vclipbench.protocols import BUILTIN
from vclipbench.protocols.base import Protocol
from vclipbench.protocols.split import Data, Plan, Split

FAKED = ("k400", "msrvtt", "didemo", "lsmdc")  # some of their files cannot be had freely
FAKE_SHOTS = 2  # videos of a class in the stand-in for the training list of Kinetics-400


def protocol(id: str) -> Protocol:
    module, _, name = BUILTIN[id].partition(":")
    found: Protocol = getattr(importlib.import_module(module), name)
    return found


PUBLISHED = tuple(id for id in BUILTIN if protocol(id).datasets)


def of(*datasets: str) -> list[str]:
    """Published protocols on some datasets."""
    return [id for id in PUBLISHED if protocol(id).dataset in datasets]


@cache
def whole_root(base: Path) -> Path:
    """A folder in `base` of links to the real files, and stand-ins for those lacking; one a session.

    Tests that change files make roots of their own.
    """
    folder = link_roots(base / "whole")
    for id in FAKED:
        (folder / id).mkdir(exist_ok=True)
        making = fake_lists.Making(folder / id, folder, per_class=FAKE_SHOTS, seed=0)
        with patch.object(fake_lists, "captions", _captions):
            for name, make in fake_lists.MAKERS[id].items():
                (folder / id / name).write_text(make(making), encoding="utf-8")
    for id in reference_lists.REPOSITORIES:
        for path, content in fake_lists.k400_lists(folder / id, id, folder / "k400").items():
            (folder / id / path).write_text(content, encoding="utf-8")
    return folder


def _captions(id: str, seed: int, number: int) -> list[str]:
    """Texts that no scene has to be drawn for."""
    return [f"{id} is seen for the {n}th time" for n in range(number)]


def lists_of(root: Path, class_names: str = "official", needs: Iterable[str] = ()) -> Data:
    """Data that are planned without looking for videos."""
    return Data(
        roots=Roots(common=root), class_names=class_names, videos=False, needs=frozenset(needs)
    )


@cache
def plan(
    id: str,
    root: Path,
    variant: str = "",
    seed: int = 1,
    class_names: str = "official",
    needs: tuple[str, ...] = (),
) -> Plan:
    """The plan of a protocol's variant, its first if none is named."""
    wanted = protocol(id)
    return wanted.plan(variant or wanted.variants[0], seed, lists_of(root, class_names, needs))


def ids(split: Split) -> set[str]:
    """Ids of a split, each of which must be there once."""
    found = {s.id for s in split.samples}
    assert len(found) == len(split.samples)
    return found
