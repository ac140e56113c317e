"""What every protocol has to fulfil, checked one requirement at a time; no network is built."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ...protocols.base import Protocol
from ...protocols.faults import faults_of
from ...protocols.split import Data, Plan
from ..plan.lists import twice_in, variants_of
from . import scoring
from .check import NOT_CHECKED, Result, findings_of
from .fixtures import NotApplicable, Unmet, named
from .protocol_subject import SEEDS, ProtocolSubject, subject_of

_AGAIN = (
    "import sys\nfrom vclipbench.bench.checks.protocol import print_digests as p\np(sys.argv[1])"
)


def check_protocol(
    name: str,
    plugins: Sequence[str | Path] = (),
    data: Sequence[str] = (),
    tell: Callable[[str], None] = lambda requirement: None,
) -> list[Result]:
    """Run a protocol through all requirements; what it prints is swallowed.

    Args:
        name: id of the protocol. plugins: files of `--plugin`. data: words of `--data`.
        tell: called with the name of each requirement before it is checked.

    Raises:
        UserError: as of `subject_of`.
    """
    subject = subject_of(name, tuple(map(str, plugins)), data)
    checks = ((text, partial(check, subject)) for text, check in _REQUIREMENTS)
    return findings_of(checks, "it cannot be planned", lambda: subject.file, tell)


def planned(subject: ProtocolSubject) -> str:
    """Every variant and seed has lists, with classes, and labels that are rows of them."""
    number = len(list(subject.plans()))
    return f"variants: {number // len(SEEDS)}, seeds: {len(SEEDS)}"


def same_again(subject: ProtocolSubject) -> None:
    """Asked twice, it plans the same."""
    _compare(subject.digests(), subject.digests(again=True), "when it is asked again")


def same_elsewhere(subject: ProtocolSubject) -> None:
    """In another process, with another order of sets, it plans the same."""
    package = Path(__file__).resolve().parents[3]
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    path = os.pathsep.join(map(os.path.abspath, [str(package), *filter(None, sys.path)]))
    env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
    words = json.dumps([subject.protocol.id, subject.plugins, subject.given])
    done = subprocess.run(
        [sys.executable, "-c", _AGAIN, words], env=env, capture_output=True, text=True
    )
    if done.returncode:
        last = done.stderr.strip().splitlines() or ["no word"]
        raise Unmet(f"in another process it cannot be planned: {last[-1]}")
    other = json.loads(done.stdout.splitlines()[-1])
    here = json.loads(json.dumps(subject.digests()))
    _compare(
        here, other, "in another process (is a set or a dict of sets listed without sorted()?)"
    )


def print_digests(words: str) -> None:
    """What the other process does: the digests as JSON in the last line."""
    name, plugins, data = json.loads(words)
    print(json.dumps(subject_of(name, plugins, data).digests()))


def _compare(one: dict[str, Any], other: dict[str, Any], when: str) -> None:
    wrong = [key for key in one if one[key] != other.get(key)]
    if wrong:
        what = (
            "its digest is another" if wrong == ["digest"] else f"lists of {wrong[-1]} are others"
        )
        raise Unmet(f"{what} {when}")


def unique_ids(subject: ProtocolSubject) -> None:
    """An id names one video of a list."""
    for split in subject.splits():
        if twice := twice_in(split):
            raise Unmet(f"{split.name} has ids twice: {named(twice)}")


def filled_classes(subject: ProtocolSubject) -> str:
    """Every class that is tested has a video; how many have none is said."""
    empty = {}
    for split in (s for plan in subject.plans() for s in plan.evaluate):
        if split.kind == "classes":
            filled = {sample.label for sample in split.samples}
            empty[split.name] = [n for i, n in enumerate(split.classes) if i not in filled]
    if not empty:
        raise NotApplicable(NOT_CHECKED, "no list has one right class a video")
    parts = [f"{name}: no video of {named(lacking)}" for name, lacking in empty.items() if lacking]
    return "; ".join(parts)


def apart(subject: ProtocolSubject) -> str:
    """No video is trained on and tested, by id or by file, unless it is a fault of published lists."""
    trained = False
    for plan in subject.plans():
        if plan.train is None:
            continue
        trained = True
        ids = {sample.id for sample in plan.train.samples}
        files = {sample.path for sample in plan.train.samples if sample.path}
        for split in plan.evaluate:
            both = [s.id for s in split.samples if s.id in ids or s.path in files]
            if both and faults_of(subject.protocol.id):
                return (
                    f"{len(both)} videos of {split.name} are trained on (bench describe says why)"
                )
            if both:
                raise Unmet(
                    f"{len(both)} videos of {split.name} are also trained on: {named(both)}"
                )
    if not trained:
        raise NotApplicable(NOT_CHECKED, "it has no training list")
    return ""


def there(subject: ProtocolSubject) -> str:
    """The tested videos are files, or the protocol makes them."""
    if subject.protocol.datasets or subject.protocol.dataset == "shapes":
        raise NotApplicable(NOT_CHECKED, "its videos are not the user's own")
    number = 0
    for split in subject.splits():
        gone = [s.id for s in split.samples if s.path is None or not s.path.is_file()]
        if gone:
            raise Unmet(f"{len(gone)} videos of {split.name} have no file: {named(gone)}")
        number = max(number, len(split.samples))
    return f"files of the longest list: {number}"


def seed_free(subject: ProtocolSubject) -> str:
    """A seed draws what is trained on, never what is tested: a digest is of one set of tests."""
    drawn = []
    for variant in variants_of(subject.protocol):
        one, other = (subject.plan(variant, seed) for seed in SEEDS)
        if [s.digest() for s in one.evaluate] != [s.digest() for s in other.evaluate]:
            raise Unmet(
                f"the tested lists of {variant} change with the seed, and the digest does not"
            )
        if one.train and other.train and one.train.digest() != other.train.digest():
            drawn.append(variant)
    return f"the seed draws the training list of {named(drawn)}" if drawn else ""


def telling_digest(subject: ProtocolSubject) -> None:
    """The digest covers prompts, class names and videos."""
    proto, data = subject.protocol, subject.data
    if proto.digest(data, ["a drawing of {}."]) == proto.digest(data, ["a photo of a {}."]):
        raise Unmet("its digest is the same for other prompts")
    views = dict(proto.defaults.get("views", {}))
    more = {**views, "clips": views.get("clips", 1) + 1}
    if proto.digest(data, views=views or None) == proto.digest(data, views=more):
        raise Unmet("its digest is the same for other views")
    shorter = _Shorter.of(proto)
    if shorter is not None and shorter.digest(data) == proto.digest(data):
        raise Unmet("its digest is the same with a video less")


class _Shorter:
    """A protocol without the last video of its first tested list."""

    @staticmethod
    def of(proto: Protocol) -> Protocol | None:
        def plan(self: Protocol, variant: str, seed: int, data: Data) -> Plan:
            lists = type(proto).plan(proto, variant, seed, data)
            first, *others = lists.evaluate
            cut = replace(first, samples=tuple(first.samples)[:-1])
            return replace(lists, evaluate=(cut, *others))

        try:
            made = type("Shorter", (type(proto),), {"plan": plan})
            other: Protocol = object.__new__(made)
            other.__dict__.update(proto.__dict__)
        except (TypeError, AttributeError):
            return None
        return other


_REQUIREMENTS: tuple[tuple[str, Callable[[ProtocolSubject], Any]], ...] = (
    ("it can be planned", planned),
    ("the same lists when asked again", same_again),
    ("the same lists in another process", same_elsewhere),
    ("ids are unique", unique_ids),
    ("classes have videos", filled_classes),
    ("videos are there", there),
    ("training and test are apart", apart),
    ("a seed changes no test", seed_free),
    ("the digest tells lists apart", telling_digest),
    ("metrics are numbers", scoring.metrics),
    ("metrics of its family", scoring.family),
    ("a headline", scoring.headline),
    ("run random", scoring.run),
)
