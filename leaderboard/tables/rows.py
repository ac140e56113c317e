"""Which records share a row of a table: equal identities but for the seed."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..record.identity import ABSENT, canonical_json, changed_paths
from ..record.record import Record
from .releases import checkpoint_words, file_names

FieldPath = tuple[str, ...]  # keys from the top of the identity down to a field
FIRST = ("chance", "random", "clip")  # the floor and the starting point lead every table


@dataclass(frozen=True)
class Row:
    """What heads a line: the method with what tells it apart, and its weights.

    Attributes:
        method: its id. backbone, checkpoint: in words; empty where there is none.
        settings: the fields in which it differs from other rows of the method, "train.lr=1e-05".
        note: what else has to be said, such as "ties: reference".
    """

    method: str
    backbone: str
    checkpoint: str
    settings: str = ""
    note: str = ""

    @property
    def label(self) -> str:
        """The method as printed: vifi [train.lr=1e-05] (ties: reference)."""
        settings = f" [{self.settings}]" if self.settings else ""
        return self.method + settings + (f" ({self.note})" if self.note else "")

    @property
    def order(self) -> tuple[int, str, str, str]:
        """Key to sort rows by: random, clip, then by label."""
        place = FIRST.index(self.method) if self.method in FIRST else len(FIRST)
        return place, self.label, self.backbone, self.checkpoint


@dataclass(frozen=True)
class _Configured:
    """A record with its configuration: the identity without the seed."""

    record: Record
    configuration: dict[str, Any]

    def values(self, paths: Iterable[FieldPath]) -> tuple[str, ...]:
        """The values of these fields, as text."""
        return tuple(canonical_json(_lookup(self.configuration, path)) for path in paths)


def assign_rows(
    records: Iterable[Record], known: Mapping[str, Record]
) -> list[tuple[Row, list[Record]]]:
    """Group records into rows, sorted; `known` maps run_ids to the records of parent runs.

    A row is a method, a backbone and a checkpoint. Where one cell (protocol digest and variant)
    would hold several configurations, the row is split by the fields in which they differ.
    """
    records = list(records)
    names = file_names(records)
    plain: dict[Row, list[_Configured]] = defaultdict(list)
    for record in records:
        plain[_plain_row(record, names)].append(_Configured(record, _configuration(record, known)))
    rows: list[tuple[Row, list[Record]]] = []
    for row, runs in plain.items():
        paths = _telling_paths(runs)
        parts: dict[tuple[str, ...], list[_Configured]] = defaultdict(list)
        for run in runs:
            parts[run.values(paths)].append(run)
        for part in parts.values():
            fields = [(".".join(p), _lookup(part[0].configuration, p)) for p in paths]
            settings = ", ".join(f"{name}={_short(value)}" for name, value in fields)
            rows.append((replace(row, settings=settings), [run.record for run in part]))
    return sorted(rows, key=lambda item: item[0].order)


def _plain_row(record: Record, names: Mapping[str, str]) -> Row:
    backbone, init = record.identity.backbone, record.identity.init
    name = f"{backbone.name} ({backbone.pretrained})" if backbone.pretrained else backbone.name
    if not backbone.weights_sha256 and backbone.name != "none":
        name = f"{backbone.name} (random weights)"
    checkpoint = ""
    if init is not None:
        checkpoint = checkpoint_words(init.sha256, names) if init.sha256 else "parent run"
    return Row(record.identity.method.name, name, checkpoint)


def _configuration(record: Record, known: Mapping[str, Record]) -> dict[str, Any]:
    """The identity without its seed; a parent run stands for its own configuration."""
    identity = record.identity.model_dump(mode="json")
    identity["eval"].pop("seed")
    if identity["train"] is not None:
        identity["train"].pop("seed")
    init = identity["init"]
    if init is not None and init["run_id"] in known:
        text = canonical_json(_configuration(known[init["run_id"]], known))
        init["run_id"] = f"configuration {hashlib.sha256(text.encode()).hexdigest()[:6]}"
    return identity


def _telling_paths(runs: list[_Configured]) -> list[FieldPath]:
    """The fields that tell configurations within one cell apart."""
    cells: dict[tuple[str, str, str], list[_Configured]] = defaultdict(list)
    for run in runs:
        protocol = run.record.identity.protocol
        cells[protocol.id, protocol.digest, protocol.variant].append(run)
    paths = {path for cell in cells.values() for path in _changed(cell)}
    # other weights under the same name are another backbone, in whichever cell they appear
    paths |= {path for path in _changed(runs) if path[0] == "backbone"}
    # few-shot samples may be drawn by the seed, and then say no more than the seed does
    fewer = paths - {("train", "few_shot_ids_digest")}
    if all(len({(r.values(fewer), r.record.seed) for r in c}) == len(c) for c in cells.values()):
        paths = fewer
    # steps follow from epochs, batch and K: beside these they would only tear the row of K apart
    fewer = paths - {("train", "steps")}
    if all(_distinct(cell, fewer) == _distinct(cell, paths) for cell in cells.values()):
        paths = fewer
    return sorted(paths)


def _changed(runs: list[_Configured]) -> set[FieldPath]:
    first = runs[0].configuration
    return {path for run in runs[1:] for path, _, _ in changed_paths(first, run.configuration)}


def _distinct(runs: list[_Configured], paths: Iterable[FieldPath]) -> int:
    return len({run.values(paths) for run in runs})


def _lookup(value: Any, path: FieldPath) -> Any:
    """The value at a path of `changed_paths`."""
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part, ABSENT)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return ABSENT
    return value


def _short(value: Any) -> str:
    """A value in a label: digests by their first 6 hex digits, long values by those of a digest."""
    text = value if isinstance(value, str) else canonical_json(value)
    if re.fullmatch(r"[0-9a-f]{16,64}", text):
        return text[:6]
    if len(text) > 24:
        return "#" + hashlib.sha256(text.encode()).hexdigest()[:6]
    return text
