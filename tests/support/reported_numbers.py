"""Reported numbers made by hand, and records changed to stand beside them."""

from __future__ import annotations

from typing import Any

from vclipbench.leaderboard.record.identity import identity_id
from vclipbench.leaderboard.record.record import Record
from vclipbench.leaderboard.reported.numbers import Reported


def number(**changes: Any) -> Reported:
    """A number that ViFi-CLIP might report for base-to-novel HMDB51."""
    given = {
        "method": "vifi",
        "label": "ViFi-CLIP",
        "protocol": "b2n-hmdb51",
        "column": "top1",
        "split": "base",
        "value": "73.8",
        "unit": "%",
        "source": "vifi-clip-readme",
        "evidence": "stated",
        "backbone": "ViT-B-16",
        "selection": "unknown",
        "match": "exact",
    }
    return Reported.model_validate(given | changes)


def with_identity(record: Record, **blocks: dict[str, Any]) -> Record:
    """The record with some fields of blocks of its identity changed, under its new id."""
    identity = record.identity.model_dump(mode="json")
    for name, changes in blocks.items():
        identity[name] = identity[name] | changes
    return record.revised(identity=identity, run_id=identity_id(identity))


def with_classes(record: Record, number: int) -> Record:
    """The record, with so many classes in each split."""
    data = {
        name: part.model_copy(update={"classes": [f"class {i}" for i in range(number)]})
        for name, part in record.data.items()
    }
    return record.revised(data=data)
