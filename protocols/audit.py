"""The leak audit: which classes and videos of an evaluation also occur in what a model was trained on.

Names are compared by rule, and against Kinetics-400 also by `overlap_k400.csv`: our own judgements, made by
reading the names only. What CLIP itself was pre-trained on cannot be audited.
"""

from __future__ import annotations

import csv
import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from ..datasets import catalog

if TYPE_CHECKING:
    from ..datasets.card import IdScheme

Judgement = tuple[str, tuple[str, ...]]
_Key = TypeVar("_Key", bound=str | frozenset[str])
How = Literal["same name", "same words", "renamed", "judged same", "judged near"]

INCOMPARABLE = (
    "ids of these datasets cannot be compared: videos of one may be in the other under another name"
)
# words that do not tell one activity from another
_STOP_WORDS = frozenset(
    {
        *("a", "an", "the", "and", "or", "of", "on", "in", "with", "to", "at", "for", "from", "by"),
        *("doing", "playing", "using", "performing", "person"),
    }
)
_VERDICTS: dict[str, How] = {
    "same": "judged same",
    "near": "judged near",
    "renamed": "renamed",
}
_SHOWN = 10  # videos in the terminal


@dataclass(frozen=True)
class Overlap:
    """A class of the evaluation, why it counts as seen, and the class(es) of the training it is."""

    class_name: str
    how: How
    trained: str


@dataclass(frozen=True)
class Audit:
    """What an evaluation shares with a training.

    Attributes:
        protocol: id.
        trained_on: id of the dataset that was trained on.
        classes: those of the evaluation that occur in training, each by its strongest reason; None: the
            class names of the training are not known, and none was compared.
        near: classes judged a part or a variant of one in training: listed apart, not counted.
        n_classes: of the evaluation.
        videos: ids of evaluation videos in the training list; None: no training list could be read.
        n_videos: of the evaluation.
        notes: what could not be compared, in plain sentences.
    """

    protocol: str
    trained_on: str
    classes: tuple[Overlap, ...] | None
    near: tuple[Overlap, ...]
    n_classes: int
    videos: tuple[str, ...] | None
    n_videos: int
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON: strings, numbers, lists and None."""
        fields = asdict(self)
        return {key: list(v) if isinstance(v, tuple) else v for key, v in fields.items()}

    def lines(self) -> tuple[str, ...]:
        """Rows for the terminal: the counts, each class under its count, the notes."""
        videos = self.videos or ()
        rows = [
            f"{self.protocol}, trained on {self.trained_on}",
            *(self._class_lines() if self.n_classes else ()),  # retrieval has none
            f"videos also in training: {self._videos()}",
            *(f"  {id}" for id in videos[:_SHOWN]),
            *([f"  and {len(videos) - _SHOWN:,} more"] if len(videos) > _SHOWN else []),
            *(f"note: {note}" for note in self.notes),
        ]
        return tuple(rows)

    def _class_lines(self) -> tuple[str, ...]:
        if self.classes is None:
            return ("classes also in training: unknown",)
        counts = Counter(c.how for c in self.classes)
        reasons = ", ".join(f"{counts[how]} {how}" for how in get_args(How) if counts[how])
        head = f"classes also in training: {len(self.classes)} of {self.n_classes}"
        return (
            head + (f" ({reasons})" if reasons else ""),
            *(f"  {c.class_name} = {c.trained} ({c.how})" for c in self.classes),
            f"classes near one in training, not counted: {len(self.near)}",
            *(f"  {c.class_name} ~ {c.trained}" for c in self.near),
        )

    def _videos(self) -> str:
        if self.videos is None:
            return "unknown"
        if INCOMPARABLE in self.notes:
            return "cannot be compared"
        return f"{len(self.videos):,} of {self.n_videos:,}"


@dataclass(frozen=True)
class Listing:
    """One side of an audit: a dataset, its raw official class names, and its videos.

    Attributes:
        dataset: id.
        classes: raw official names, as class folders are called; None: not known.
        ids: of videos; None: no list could be read.
        groups: of videos, in the same order (of Kinetics: the YouTube ids); None: taken from the ids.
    """

    dataset: str
    classes: Sequence[str] | None = None
    ids: Sequence[str] | None = None
    groups: Sequence[str | None] | None = None


def audit(protocol: str, evaluated: Listing, shown: Sequence[str], training: Listing) -> Audit:
    """Compare classes and videos, and say what could not be compared.

    Args:
        protocol: id.
        evaluated: with its classes (those meant to be unseen, where not all are; of retrieval none, an
            empty tuple) and ids.
        shown: its classes as they stand in prompts, in the same order.
        training: what of it is known.

    Raises:
        ValueError: the evaluation has no classes or no ids, or two sequences differ in length.
    """
    raw, ids = evaluated.classes, evaluated.ids
    if raw is None or ids is None:
        raise ValueError(f"{protocol}: an audit needs the classes and the ids of the evaluation")
    pair = (evaluated.dataset, training.dataset)
    seen, near = audit_classes(pair[0], raw, shown, pair[1], training.classes)
    notes = class_notes(pair[0], raw, pair[1], training.classes)
    compared = not raw or training.classes is not None or bool(_table(*pair))
    videos = None
    if training.ids is None:
        notes += (f"no training list of {pair[1]} could be read: videos were not compared",)
    else:
        videos = audit_videos(
            pair[0], ids, evaluated.groups, pair[1], training.ids, training.groups
        )
        notes += () if comparable(*pair) else (INCOMPARABLE,)
    found = seen if compared else None
    return Audit(protocol, pair[1], found, near, len(raw), videos, len(ids), notes)


def classes_seen(audits: Sequence[Mapping[str, Any]]) -> list[str] | None:
    """Classes that some of these audits (`Audit.as_dict`) found; None: none did, and one could not look."""
    parts = [audit["classes"] for audit in audits]
    seen = sorted({entry["class_name"] for part in parts if part is not None for entry in part})
    return None if not seen and None in parts else seen


def normalised(name: str) -> str:
    """Lower case without blanks, brackets and punctuation: "skiing (not slalom)" -> "skiing"."""
    return "".join(_words(name))


def stems(name: str) -> frozenset[str]:
    """The words without endings and without words that tell nothing: "rope climbing" = "climbing a rope".

    -ing (with the consonant that it doubles), the plural's s and a final e are cut off where three letters
    or more remain. A name of such empty words only keeps them.
    """
    words = _words(name)
    return frozenset(map(_stem, [w for w in words if w not in _STOP_WORDS] or words))


def audit_classes(
    dataset: str,
    raw_names: Sequence[str],
    shown: Sequence[str],
    trained_on: str,
    trained_names: Sequence[str] | None,
) -> tuple[tuple[Overlap, ...], tuple[Overlap, ...]]:
    """Classes of an evaluation that occur in training, and those judged near one.

    Within one dataset a class is seen where its name is among those of the training. Between two, names are
    compared by `normalised`, then `stems`; for Kinetics-400 the judged table comes last. A judgement
    counts only if one of the classes it names was trained on.

    Args:
        dataset: id of the evaluation's dataset.
        raw_names: raw official names of its classes.
        shown: the same classes as they stand in prompts; these are reported.
        trained_on: id of the dataset that was trained on.
        trained_names: raw official names of its classes; None: not known, so that only the judged table's
            names of Kinetics-400 are compared.

    Raises:
        ValueError: `raw_names` and `shown` differ in length.
    """
    if len(raw_names) != len(shown):
        raise ValueError(f"{len(raw_names)} class names, and {len(shown)} as shown in prompts")
    trained = _Trained(_table(dataset, trained_on), trained_names, dataset == trained_on)
    seen: list[Overlap] = []
    near: list[Overlap] = []
    for raw, text in zip(raw_names, shown, strict=True):
        if match := trained.match(raw):
            how, names = match
            target = near if how == "judged near" else seen
            target.append(Overlap(text, how, "; ".join(names)))
    return tuple(seen), tuple(near)


def class_notes(
    dataset: str,
    raw_names: Sequence[str],
    trained_on: str,
    trained_names: Sequence[str] | None,
) -> tuple[str, ...]:
    """What `audit_classes` cannot see for these arguments, in plain sentences."""
    table = _table(dataset, trained_on)
    if not raw_names:
        return ()
    if trained_names is None and not table:
        return (f"the class names of {trained_on} are not known here: classes were not compared",)
    if dataset == trained_on:
        return ()
    if not table:
        return ("the names of the classes were compared, but nobody has judged what they mean",)
    notes = []
    if trained_names is None:
        notes.append(
            "the class names of k400 are not known here: classes were compared with those of the "
            "table of judgements"
        )
    seen, near = audit_classes(dataset, raw_names, raw_names, trained_on, trained_names)
    found = {overlap.class_name for overlap in (*seen, *near)}
    rows = {raw: table.get(_whole(raw)) for raw in raw_names if raw not in found}
    open_ = [raw for raw, row in rows.items() if row is None or row[0] == "unjudged"]
    if open_:
        notes.append(
            f"{len(open_)} of {len(raw_names)} classes have not been judged, and their names are "
            "not those of classes in training"
        )
    return tuple(notes)


def comparable(dataset: str, other: str) -> bool:
    """Whether a video of both has one id: the same dataset, or both name videos by their YouTube ids."""
    scheme, other_scheme = _scheme(dataset), _scheme(other)
    if dataset == other or scheme is None or other_scheme is None:
        return dataset == other
    return scheme.name == other_scheme.name


def audit_videos(
    dataset: str,
    ids: Sequence[str],
    groups: Sequence[str | None] | None,
    trained_on: str,
    train_ids: Sequence[str],
    train_groups: Sequence[str | None] | None,
) -> tuple[str, ...]:
    """Ids of the evaluation's videos that are in the training list, in the evaluation's order.

    Kinetics, MSVD and ActivityNet are compared by YouTube id, whatever the times of the clip. Of
    datasets whose ids cannot be compared (`comparable`) nothing is found.

    Args:
        dataset: id of the evaluation's dataset.
        ids: of its videos.
        groups: of its videos, which for Kinetics are YouTube ids; None: taken from the ids.
        trained_on, train_ids, train_groups: the same of the training.

    Raises:
        ValueError: ids and groups differ in length.
    """
    if not comparable(dataset, trained_on):
        return ()
    trained = set(_video_keys(trained_on, train_ids, train_groups))
    keys = _video_keys(dataset, ids, groups)
    return tuple(id for id, key in zip(ids, keys, strict=True) if key in trained)


@functools.cache
def judgements(dataset: str) -> Mapping[str, Judgement]:
    """Class (lower case without blanks) -> verdict, classes of Kinetics-400; empty for other datasets.

    Verdicts: same, near (a part or a variant), related, none, renamed, unjudged.
    """
    with Path(__file__).with_name("overlap_k400.csv").open(encoding="utf-8", newline="") as table:
        return {
            _whole(row["class"]): (row["verdict"], tuple(filter(None, row["k400"].split(";"))))
            for row in csv.DictReader(table)
            if row["dataset"] == dataset
        }


def same_as_kinetics(dataset: str, raw_names: Sequence[str]) -> tuple[int, ...]:
    """Rows of the classes that are judged the same activity as a class of Kinetics-400."""
    known = judgements(dataset)
    return tuple(
        n for n, name in enumerate(raw_names) if known.get(_whole(name), ("",))[0] == "same"
    )


class _Trained:
    """The classes of a training, found by name, by words, and by judgement."""

    def __init__(
        self, table: Mapping[str, Judgement], names: Sequence[str] | None, same_dataset: bool
    ) -> None:
        if names is None:
            names = sorted({name for _, named in table.values() for name in named})
        self.table, self.same_dataset = table, same_dataset
        self.whole, self.plain, self.words = (
            _by(_whole, names),
            _by(normalised, names),
            _by(stems, names),
        )

    def match(self, raw: str) -> tuple[How, tuple[str, ...]] | None:
        """The strongest reason, and the classes of the training that it names."""
        if found := self.whole.get(_whole(raw)):
            return "same name", found
        if self.same_dataset:
            return None
        if found := self.plain.get(normalised(raw)):
            return "same name", found
        if found := self.words.get(stems(raw)):
            return "same words", found
        verdict, named = self.table.get(_whole(raw), ("none", ()))
        trained = tuple(name for name in named if _whole(name) in self.whole)
        return (_VERDICTS[verdict], trained) if trained and verdict in _VERDICTS else None


def _table(dataset: str, trained_on: str) -> Mapping[str, Judgement]:
    return judgements(dataset) if trained_on == "k400" else {}


def _by(key: Callable[[str], _Key], names: Iterable[str]) -> dict[_Key, tuple[str, ...]]:
    """Names by a key of theirs; a name without letters has none and is like no other."""
    found: dict[_Key, tuple[str, ...]] = {}
    for name in names:
        place = key(name)
        if place:
            found[place] = (*found.get(place, ()), name)
    return found


def _video_keys(dataset: str, ids: Sequence[str], groups: Sequence[str | None] | None) -> list[str]:
    if groups is not None and len(groups) != len(ids):
        raise ValueError(f"{dataset}: {len(ids)} ids, and {len(groups)} groups")
    scheme = _scheme(dataset)
    if scheme is None:
        return list(ids)
    given = groups if groups is not None and scheme.in_groups else [None] * len(ids)
    names = [id.removeprefix(scheme.prefix)[: scheme.length] for id in ids]
    return [group or name for group, name in zip(given, names, strict=True)]


def _scheme(dataset: str) -> IdScheme | None:
    """How ids of a dataset name videos; of a plugin's dataset nobody knows."""
    return catalog.card(dataset).id_scheme if dataset in catalog.BUILTIN else None


def _whole(name: str) -> str:
    """As `normalised`, but with what stands in brackets: K600 tells classes apart by it."""
    return re.sub(r"[\W_]", "", name).lower()


def _words(name: str) -> list[str]:
    """Words in lower case; what stands in brackets is dropped unless nothing else is there."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    outside = re.sub(r"\([^)]*\)", " ", split)
    kept = outside if re.search(r"[^\W_]", outside) else split
    return re.sub(r"[\W_]+", " ", re.sub(r"['’]", "", kept)).lower().split()


def _stem(word: str) -> str:
    if word.endswith("ing") and len(word) >= 6:
        word = word[:-3]
        # running -> run, but kissing -> kiss and falling -> fall
        if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeioulsz":
            word = word[:-1]
    elif word.endswith("s") and not word.endswith("ss") and len(word) >= 4:
        word = word[:-1]
    return word[:-1] if word.endswith("e") and len(word) >= 4 else word
