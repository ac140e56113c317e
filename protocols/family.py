"""The families of protocols: what each is called, what videos are scored against, what its tables show.

One table for everybody who has to tell families apart. A plugin's own family is not in it and is treated as
`OTHER` says, under its own id.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Target = Literal["classes", "labels", "captions"]
TARGETS: tuple[Target, ...] = ("classes", "labels", "captions")


@dataclass(frozen=True)
class Family:
    """What protocols of one family have in common.

    Attributes:
        title: its name in print.
        target: what a video is scored against: one right class, any number of labels, or captions.
        unseen: which classes of the evaluation no training may have seen: all of them, those of the lists
            and labels that are novel, or none.
        columns: what a table shows of a protocol: its splits and their mean, base and novel with their
            harmonic mean, one column for each K, both directions of retrieval, average precision, or
            just the headline.
        source_only: whether methods train on the large source list, and on none of the protocol's own.
        ties: whether a run chooses the rule for equal scores (`eval.tie_rule`); else ties count against
            the video.
    """

    id: str
    title: str
    target: Target = "classes"
    unseen: Literal["all", "novel", "none"] = "none"
    columns: Literal["splits", "halves", "shots", "ranks", "labels", "headline"] = "headline"
    source_only: bool = False
    ties: bool = False


# in the order of the tables
FAMILIES = {
    family.id: family
    for family in (
        Family("zs", "Zero-shot", unseen="all", columns="splits", source_only=True),
        Family("b2n", "Base to novel", unseen="novel", columns="halves"),
        Family("fs", "Few-shot", columns="shots"),
        Family("full", "Fully supervised"),
        Family("ret", "Retrieval", "captions", columns="ranks", ties=True),
        Family("ml", "Open-vocabulary multi-label", "labels", "novel", "labels"),
    )
}
OTHER = Family("", "", unseen="all")


def family_of(id: str) -> Family:
    """The family of an id; of a plugin's own one what `OTHER` says."""
    return FAMILIES.get(id) or replace(OTHER, id=id, title=id)
