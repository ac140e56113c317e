"""The real annotation files, and the numbers in the texts of faults, for the tests that count them anew."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterable
from functools import cache
from itertools import combinations
from pathlib import Path

import pandas as pd
from annotation_roots import ANNOTATIONS
from vclipbench.datasets import catalog, reference_lists
from vclipbench.protocols.faults import FAULTS, Fault

SPLITS = (1, 2, 3)
# names and terms that hold digits
NAMES = re.compile(
    r"UCF101|HMDB51|Kinetics-[46]00|SSv2|v2\b|CLIP4Clip|1k-[AB]|R@1|top-1|ViT-B/16|val_[12]|mp4|n - 1"
)
NUMBER = re.compile(r"\d/\d|\d+(?:,\d{3})*(?:\.\d+)?")
# what no file can tell: numbers that authors printed, settings of their code, shots and splits
GIVEN = {
    "few-shot-test-splits": "1 2 16",
    "few-shot-not-nested": "2 4",
    "base-lists-overlap": "16",
    "froster-lists-shrunk": "16",
    "k600-two-lists": "71.2 73.0",  # published top-1
    "hmdb51-full": "1",
    "full-and-splits": "83.5 83.4 53.2 53.9",  # published top-1
    "trained-classes": "1",
    "hmdb51-swapped-names": "16",
    "ucf101-unsplit-names": "1",
    "baselines-differ": "63.2 40.8 73.8 47.9",  # published top-1
    "random-views": "3 224 256",
    "views-first-two-thirds": "0 1 1/3 2/3 1/2 7 8",
    "squashed-frames": "224",
    "didemo-video-cut": "30 31",
    "drop-last": "8",
    "repeated-views": "8 3",
    "padding-cut": "8 16",
    "unreadable-videos": "100",
    "retrieval-chosen-on-test": "100",
    "left-over-batches": "8 2",
    "one-seed": "1024",
}


# by how their ids begin: lists of captions and of several labels; the other lists are of classes
NOT_OF_CLASSES = ("msrvtt-", "didemo-", "msvd-", "charades-")
OF_CLASS_LISTS = tuple(
    fault for fault in FAULTS if fault.kind == "lists" and not fault.id.startswith(NOT_OF_CLASSES)
)


class Files:
    """The real files: "ucf101/test1" is an official list, "vifi-clip/ucf101/few2" one of a repository."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cache  # noqa: B019 - one object a session
    def table(self, name: str) -> pd.DataFrame:
        first, _, rest = name.partition("/")
        if first in reference_lists.REPOSITORIES:
            return reference_lists.read(self.root / first, name)
        return catalog.read(first, self.root / first, rest)

    def ids(self, name: str) -> set[str]:
        return set(self.table(name)["id"])

    def size(self, name: str) -> int:
        return len(self.table(name))

    def common(self, *names: str) -> int:
        return len(set.intersection(*map(self.ids, names)))

    def pairs(self, *names: str) -> list[int]:
        """Videos that lists one and two, one and three, two and three have in common."""
        return [self.common(*pair) for pair in combinations(names, 2)]

    def of(self, name: str, classes: Iterable[str]) -> int:
        return int(self.table(name)["class"].isin(set(classes)).sum())

    def names(self, id: str) -> tuple[str, ...]:
        """Class names of a repository's list as they stand in its label file."""
        repository = id.partition("/")[0]
        return reference_lists.names(self.root / repository, id, repository)


def lines(path: str) -> list[str]:
    """Lines of a file of the annotations that no reader knows."""
    raw = (ANNOTATIONS / path).read_bytes()
    return (gzip.decompress(raw) if path.endswith(".gz") else raw).decode().splitlines()


def judged(dataset: str, verdict: str) -> set[str]:
    rows = csv.DictReader(lines("derived/leak_audit_k400.csv"))
    return {
        r["class_name"] for r in rows if (r["dataset"], r["reviewed_verdict"]) == (dataset, verdict)
    }


def share(part: float, whole: float, digits: int = 1) -> str:
    return f"{100 * part / whole:.{digits}f}"


def draws(repository: str) -> list[str]:
    return [f"{repository}/k600/draw{n}" for n in SPLITS]


def numbers(text: str) -> set[str]:
    """The numbers of a text as they are written, without those in names."""
    return set(NUMBER.findall(NAMES.sub("", text)))


def given(fault: Fault) -> set[str]:
    return set(GIVEN.get(fault.id, "").split())


def check(fault: Fault, counted: Iterable[int | str]) -> None:
    """Every counted number stands in the text, and every number of the text is counted or given."""
    found = {n if isinstance(n, str) else f"{n:,}" for n in counted}
    text = numbers(fault.text)
    assert found <= text, f"counted, but not in the text: {sorted(found - text)}"
    assert text - found <= given(fault), f"not counted: {sorted(text - found - given(fault))}"
    assert given(fault) <= text, f"given, but not in the text: {sorted(given(fault) - text)}"
    assert numbers(fault.title) <= text, "the title has a number that the text has not"
