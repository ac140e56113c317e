"""A user's own videos are known by their bytes: names alone would take other videos for the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..datasets.errors import escaped, is_unicode
from .split import Plan, Split

Told = Callable[[int, int], None]
"""Is told how many files have been read, and how many are to be."""


def with_contents(plan: Plan, told: Told | None = None) -> Plan:
    """The plan with the digest of each video's file in its lists; "" for a file that cannot be read."""
    from ..datasets.contents import digests_of

    paths = list(dict.fromkeys(s.path for split in plan.splits for s in split.samples if s.path))
    of = dict(zip(paths, digests_of(paths, told), strict=True))

    def filled(split: Split) -> Split:
        samples = (replace(s, content=of[s.path] if s.path else "") for s in split.samples)
        return replace(split, samples=tuple(samples))

    return replace(
        plan,
        evaluate=tuple(map(filled, plan.evaluate)),
        train=filled(plan.train) if plan.train else None,
        source=filled(plan.source) if plan.source else None,
    )


def strange_name(plan: Plan) -> str | None:
    """A class or id, escaped, that no digest and no record could hold; None if there is none."""
    for split in plan.splits:
        for name in (*split.classes, *(sample.id for sample in split.samples)):
            if not is_unicode(name):
                return escaped(name)
    return None
