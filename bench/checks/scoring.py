"""Whether a protocol's metrics are numbers, and a run of it ends in a record."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...protocols.family import FAMILIES, family_of
from ...protocols.metric import Metric
from ...protocols.split import Outcome, Split
from ..plan.lists import check_headline, metrics_of, variants_of
from .check import NOT_CHECKED
from .fixtures import NotApplicable, Unmet, named

if TYPE_CHECKING:
    from .protocol_subject import ProtocolSubject

VIDEOS = 64  # of a list that are scored
_HALVES = ("base", "novel")


def metrics(subject: ProtocolSubject) -> str:
    """Drawn scores of the first videos give finite numbers, each of its own name, % from 0 to 100."""
    names: dict[str, None] = {}
    for variant in variants_of(subject.protocol):
        found = all_metrics(subject, variant)
        for one in found:
            where = f"metric {one.name!r}" + (f" of {one.split}" if one.split else "")
            if one.unit == "%" and not -1e-9 <= one.value <= 100 + 1e-9:
                raise Unmet(f"{where} is {one.value:.6g} %, and % go from 0 to 100")
        pairs = [(one.name, one.split) for one in found]
        if twice := sorted({f"{n} of {s}" for n, s in pairs if pairs.count((n, s)) > 1}):
            raise Unmet(f"there are two metrics of one name: {named(twice)}")
        names.update(dict.fromkeys(one.name for one in found))
    return named(list(names))


def family(subject: ProtocolSubject) -> str:
    """A known family has its target and, of base to novel, its two lists and hm."""
    proto = subject.protocol
    known, variants = family_of(proto.family), variants_of(proto)
    if proto.family not in FAMILIES:
        words = ", ".join(FAMILIES)
        return f"{proto.family!r} is none of {words}: no recipe of a family is for it"
    for split in (s for v in variants for s in subject.plan(v).evaluate):
        if split.kind != known.target:
            raise Unmet(f"{split.name} has {split.kind}, and the family {known.id} {known.target}")
    if known.columns == "halves":
        tested = [s.name for s in subject.plan(variants[0]).evaluate]
        names = {m.name for m in all_metrics(subject, variants[0]) if m.split is None}
        if tuple(sorted(tested)) != _HALVES or "hm" not in names:
            raise Unmet("of b2n the lists base and novel and the metric hm are wanted")
    if known.columns == "shots" and (odd := [v for v in variants if not v[1:].isdigit()]):
        raise Unmet(f"variants of fs are called k2, k4, ..., and not {odd[0]!r}")
    return ""


def headline(subject: ProtocolSubject) -> str:
    """The primary metric is over all splits, or of the only one."""
    proto = subject.protocol
    for variant in variants_of(proto):
        tested = [split.name for split in subject.plan(variant).evaluate]
        check_headline(proto, all_metrics(subject, variant), tested)
    return str(proto.primary)


def all_metrics(subject: ProtocolSubject, variant: str) -> list[Metric]:
    """Metrics of drawn scores, of each list and over them."""
    proto = subject.protocol
    found: list[Metric] = []
    for number, split in enumerate(subject.plan(variant).evaluate):
        found += metrics_of(proto, proto.measure(toy(split, number)), "measure")
    return found + metrics_of(proto, proto.summarise(found), "summarise")


def toy(split: Split, seed: int) -> Outcome:
    """Drawn scores of the first videos of a list."""
    samples = tuple(split.samples)[:VIDEOS]
    columns = len(split.classes)
    if split.kind == "captions":
        columns = sum(len(sample.captions) for sample in samples)
    drawn = np.random.default_rng(seed).normal(size=(len(samples), columns))
    scores = drawn.astype(np.float32)
    return Outcome(split, samples, scores, scores / np.float32(10))


def run(subject: ProtocolSubject) -> str:
    """`random` is scored on a few videos and recorded."""
    from ...leaderboard.record.store import load_records
    from ..run.session import Session

    if subject.protocol.datasets:
        raise NotApplicable(NOT_CHECKED, "bench run --dry-run tells of published data")
    with tempfile.TemporaryDirectory(prefix="vclipbench-check-") as folder:
        session = Session(subject.resolved, Path(folder), "cpu", "missing", subject.plugins)
        session.run(dry=False)
        problems: list[str] = []
        records = load_records(Path(folder), problems)
    bad = [r for r in records if r.status != "done"]
    if problems or bad or not records:
        raise Unmet(problems[0] if problems else "a run is not done" if bad else "no record")
    return f"records: {len(records)}"
