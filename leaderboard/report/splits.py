"""Classes, confusions, clips and maps of every evaluated split, row by row of the table."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..record.files import StoreError
from ..record.record import Record
from ..record.store import Run
from . import predictions

Arrays = dict[str, np.ndarray]
Captions = Callable[[Record, str, str], Sequence[str] | None]

WORST = 6
"""Clips, labels or queries that are shown of a row and split."""
# words of the class names that are also of interest by themselves; the last takes the rest
ATTRIBUTES = {"shapes": ("colour", "shape", "motion")}
LETTERS = 240  # of a caption that are shown
RANK_ENDS = (1, 5, 10, 50)  # upper ends of the bins of retrieval ranks


@dataclass
class Place:
    """One split of one protocol digest and variant, and what its rows say about it."""

    record: Record
    """One of its records, to ask for frames."""
    split: str
    kind: str = ""
    classes: list[str] = field(default_factory=list)
    """Names by column of the scores; empty where the records do not tell."""
    labels: list[str] = field(default_factory=list)
    """Names of what `per_class` values are of."""
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    wrong: dict[int, set[str]] = field(default_factory=dict)
    """Row -> ids that it has wrong, in the run that is shown."""

    @property
    def digest(self) -> str:
        """Digest of the protocol."""
        return self.record.identity.protocol.digest

    def key(self, item: str) -> str:
        """Name of the strip of a clip."""
        return f"{self.digest[:8]}/{self.split}/{item}"

    def payload(self) -> dict[str, Any]:
        """What the page is told."""
        protocol = self.record.identity.protocol
        words = [protocol.id, "" if protocol.variant == "main" else protocol.variant, self.split]
        return {
            "label": " ".join(word for word in words if word),
            "protocol": protocol.id,
            "variant": protocol.variant,
            "digest": protocol.digest,
            "split": self.split,
            "strip": self.key(""),
            "kind": self.kind,
            "classes": self.classes,
            "labels": self.labels,
            "attributes": list(ATTRIBUTES.get(protocol.dataset, ())),
            "rows": {str(row): detail for row, detail in sorted(self.rows.items())},
        }


def places_of(
    rows: Sequence[Sequence[Run]], notes: list[str], captions: Captions | None = None
) -> list[Place]:
    """The splits that the runs of a family's rows were evaluated on, in order of their names.

    Args:
        rows: the runs of each row of the table.
        notes: gets a sentence for each file of predictions that cannot be used.
    """
    known: dict[tuple[str, str, str, str], Place] = {}
    for number, runs in enumerate(rows):
        for record, splits in _groups(runs):
            for split in splits:
                protocol = record.identity.protocol
                key = (protocol.id, _in_order(protocol.variant), protocol.digest, split)
                place = known.setdefault(key, Place(record, split))
                _add(place, number, splits[split], notes, captions)
    places = [known[key] for key in sorted(known)]
    for place in places:
        _count_wrong(place)
    return [place for place in places if place.rows]


def strips_wanted(places: Iterable[Place]) -> Iterator[tuple[str, Record, str, str]]:
    """(key, record, split, id) of the clips shown: the worst of every row, then the next."""
    shown = list(places)
    for number in range(WORST):
        for place in shown:
            for detail in place.rows.values():
                for item in detail.get("worst", [])[number : number + 1]:
                    for id in filter(None, (item["id"], item.get("first"))):
                        yield place.key(id), place.record, place.split, id


def _in_order(variant: str) -> str:
    return f"k{int(variant[1:]):04d}" if variant[:1] == "k" and variant[1:].isdigit() else variant


def _groups(runs: Sequence[Run]) -> list[tuple[Record, dict[str, list[Run]]]]:
    """Runs that differ in the seed only, in the order of the seeds, by split."""
    cells: dict[tuple[str, str], list[Run]] = {}
    for run in sorted(runs, key=lambda r: (r.record.seed or 0, r.record.run_id)):
        protocol = run.record.identity.protocol
        cells.setdefault((protocol.digest, protocol.variant), []).append(run)
    groups = []
    for members in cells.values():
        splits: dict[str, list[Run]] = {}
        for run in members:
            for split in run.record.data:
                splits.setdefault(split, []).append(run)
        groups.append((members[0].record, splits))
    return groups


def _add(
    place: Place, row: int, runs: list[Run], notes: list[str], captions: Captions | None
) -> None:
    detail: dict[str, Any] = {}
    data = runs[0].record.data[place.split]
    place.classes = place.classes or list(data.classes)
    values = [r.record.per_class[place.split] for r in runs if place.split in r.record.per_class]
    if values:
        fresh = {name for each in values for name in each} - set(place.labels)
        ordered = [name for name in data.classes if name in fresh]
        place.labels += ordered + sorted(fresh - set(ordered))
        detail["per_class"] = [_mean(name, values) for name in place.labels]
    pairs: Any = 0
    for number, run in enumerate(runs):
        arrays = _arrays(run, place.split, notes)
        kind = predictions.kind_of(arrays) if arrays else ""
        if not arrays or not kind or place.kind not in ("", kind):
            continue
        place.kind = kind
        if kind == "classes":
            outcome = predictions.class_outcome(arrays)
            pairs = pairs + predictions.confusions(outcome, predictions.scores_of(arrays).shape[1])
            detail["pairs"], detail["n_seeds"] = predictions.top_pairs(pairs), number + 1
        if "worst" not in detail:
            detail |= _shown(place, row, run.record, arrays, captions)
            detail |= {"run": run.record.run_id} | _map(arrays)
    if detail:
        place.rows[row] = detail


def _mean(name: str, values: list[dict[str, float]]) -> float | None:
    given = [each[name] for each in values if name in each]
    return round(sum(given) / len(given), 1) if given else None


def _arrays(run: Run, split: str, notes: list[str]) -> Arrays | None:
    """The arrays of one split; None, and a note, where the file is not as its record says."""
    try:
        return (run.predictions() or {}).get(split)
    except StoreError as error:
        note = f"{run.record.run_id}: {error}".replace(f"{run.folder}/", "")
        if note not in notes:
            notes.append(note)
        return None


def _shown(
    place: Place, row: int, record: Record, arrays: Arrays, captions: Captions | None
) -> dict[str, Any]:
    if place.kind == "classes":
        return _worst_clips(place, row, arrays)
    if place.kind == "labels":
        return {
            "worst": [
                {"id": str(arrays["ids"][item]), "label": label, "rank": rank, "of": of}
                for item, label, rank, of in predictions.missed_labels(arrays, WORST)
            ]
        }
    return _retrieval(place, record, arrays, captions)


def _worst_clips(place: Place, row: int, arrays: Arrays) -> dict[str, Any]:
    outcome = predictions.class_outcome(arrays)
    place.wrong[row] = {str(i) for i in outcome.ids[outcome.rank > 1]}
    worst = [
        {
            "id": str(outcome.ids[i]),
            "target": int(outcome.target[i]),
            "rival": int(outcome.rival[i]),
            "rank": int(outcome.rank[i]),
        }
        for i in predictions.worst_clips(outcome, WORST)
    ]
    return {"worst": worst, "n": len(outcome.ids), "n_wrong": len(place.wrong[row])}


def _count_wrong(place: Place) -> None:
    """Tell of each clip shown how many rows have it wrong: is it the clip or the method?"""
    for detail in place.rows.values():
        for item in detail.get("worst", []) if place.wrong else []:
            item["wrong_in"] = sum(item["id"] in ids for ids in place.wrong.values())
            item["wrong_of"] = len(place.wrong)


def _retrieval(
    place: Place, record: Record, arrays: Arrays, captions: Captions | None
) -> dict[str, Any]:
    asked = predictions.queries(arrays)
    order = np.lexsort((asked.number, asked.ids[asked.video], -asked.rank))
    worst = [_query(place, record, asked, int(c), captions) for c in order[:WORST]]
    detail: dict[str, Any] = {"worst": worst, "n": len(asked.rank), "t2v": _bins(asked.rank)}
    if asked.back is not None:
        detail["v2t"] = _bins(asked.back)
    return detail


def _query(
    place: Place,
    record: Record,
    asked: predictions.Queries,
    caption: int,
    captions: Captions | None,
) -> dict[str, Any]:
    number, id = int(asked.number[caption]), str(asked.ids[asked.video[caption]])
    query: dict[str, Any] = {"id": id, "number": number + 1, "rank": float(asked.rank[caption])}
    if asked.first is not None and asked.rank[caption] > 1:
        query["first"] = str(asked.ids[asked.first[caption]])
    texts = captions(record, place.split, id) if captions else None
    if texts is not None and number < len(texts):
        text = texts[number]
        query["text"] = text if len(text) <= LETTERS else f"{text[: LETTERS - 1].rstrip()}…"
    return query


def _bins(ranks: np.ndarray) -> list[int]:
    """Queries with a rank up to each end of `RANK_ENDS`, and beyond."""
    places = np.searchsorted(np.array(RANK_ENDS), ranks, side="left")
    return [int(n) for n in np.bincount(places, minlength=len(RANK_ENDS) + 1)]


def _map(arrays: Arrays) -> dict[str, Any]:
    """The map of the videos in 8 bits a coordinate, and their classes; enough for a small plot."""
    if "map" not in arrays or "target" not in arrays or arrays["target"].ndim != 1:
        return {}
    points = arrays["map"].astype(np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        return {}
    low, high = points.min(0), points.max(0)
    scale = 255 / max(float((high - low).max()), 1e-9)
    # one scale for both axes: distances of a map mean the same in all directions
    small = np.rint((points - (low + high) / 2) * scale + 127.5).clip(0, 255).astype(np.uint8)
    target = arrays["target"].astype("<u2")
    return {"map": _base64(small.tobytes()), "map_target": _base64(target.tobytes())}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
