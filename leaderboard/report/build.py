"""From runs and a table to the text of the page."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..record.store import Run
from ..tables.notes import ALL_MARKS
from ..tables.tables import Table
from .costs import COST_NAMES
from .data import Tab, tab_of
from .dedup import pooled
from .intro import introduction, newest
from .links import PageLinks, is_safe, row_links
from .published import PublishedTable, published
from .splits import Captions, places_of, strips_wanted
from .strips import Frames, strips

LIMIT = 2_900_000
"""Bytes that the page should not exceed; strips of frames take what the rest leaves."""
STRIPS = 1_500_000
# in this order, one script
SCRIPTS = (
    *("base.js", "script.js", "table.js", "address.js", "published.js"),
    *("charts.js", "details.js", "maps.js", "drawer.js"),
)
_FOLDER = Path(__file__).parent


def build_report(
    runs: Sequence[Run],
    table: Table,
    frames: Frames | None = None,
    captions: Captions | None = None,
    links: PageLinks | None = None,
) -> str:
    """The whole HTML text of the report: one file, which fetches nothing.

    Equal input gives an equal text. Predictions that are missing or not as their record says are
    named on the page, and the rest is shown.

    Args:
        runs: all runs of the table, and any others whose records should be at hand.
        table: made from the records of these runs; KeyError if one of its runs is not among them.
        frames: (record, split, id of a clip) -> some of its frames in order, uint8 [n, H, W, 3] in
            RGB, or None where they are not at hand; for the strips of single clips.
        captions: (record, split, id of a clip) -> its captions in the protocol's order, or None.
        links: where the page leads to; addresses that are no paths and no https are left out.
    """
    tabs = [tab_of(family) for family in table.families]
    known = _by_id(runs, tabs)
    members = [
        [[known[record.run_id] for record in records] for _, records in tab.family.rows]
        for tab in tabs
    ]
    notes: list[str] = []
    places = [places_of(rows, notes, captions) for rows in members]
    payload = {
        "families": [
            tab.payload() | {"places": [place.payload() for place in own]}
            for tab, own in zip(tabs, places, strict=True)
        ],
        "marks": ALL_MARKS,
        "costs": COST_NAMES,
        "runs": {run_id: _record(run) for run_id, run in known.items()},
        "strips": {},
    }
    frame = _Frame(tabs, runs, table, published(table.verdicts), notes, links or PageLinks())
    page = frame.around(payload)
    if frames is not None:
        wished = (item for own in places for item in strips_wanted(own))
        budget = min(STRIPS, LIMIT - len(page.encode()))
        payload["strips"] = strips(wished, frames, budget)
        page = frame.around(payload)
    return page


def _by_id(runs: Sequence[Run], tabs: Sequence[Tab]) -> dict[str, Run]:
    """The runs by id; of two with one id that which the table has, whatever their order."""
    used = {r.run_id: r for tab in tabs for _, records in tab.family.rows for r in records}
    known: dict[str, Run] = {}
    for run in sorted(
        runs,
        key=lambda run: (
            used.get(run.record.run_id) is not run.record,
            run.record.model_dump_json(),
        ),
    ):
        known.setdefault(run.record.run_id, run)
    return known


def _record(run: Run) -> dict[str, Any]:
    """The record as JSON, without what the page shows elsewhere."""
    record = run.record.model_dump(mode="json")
    record.pop("per_class")
    return record


@dataclass(frozen=True)
class _Frame:
    """All of the page but the data of its script."""

    tabs: Sequence[Tab]
    runs: Sequence[Run]
    table: Table
    published: Sequence[PublishedTable]
    notes: Sequence[str]
    links: PageLinks

    def around(self, payload: dict[str, Any]) -> str:
        """The text of the page with these data."""
        style = _text("style.css")
        script = "(() => {\n'use strict';\n" + "".join(map(_text, SCRIPTS)) + "start();\n})();\n"
        return (
            _environment()
            .get_template("page.html.j2")
            .render(
                families=self.tabs,
                **self._head(),
                footer=self.table.footer,
                published=self.published,
                links_of=partial(row_links, self.links),
                is_safe=is_safe,
                notes=sorted(self.notes),
                style=style,
                style_hash=_hash(style),
                script=script,
                script_hash=_hash(script),
                data=script_json(pooled(payload)),
            )
        )

    def _head(self) -> dict[str, Any]:
        records = [run.record for run in self.runs]
        methods = {record.identity.method.name for record in records}
        protocols = {record.identity.protocol.id for record in records}
        shown = [record for tab in self.tabs for _, own in tab.family.rows for record in own]
        return {
            "counts": [
                (len(records), "run"),
                (len(methods), "method"),
                (len(protocols), "protocol"),
            ],
            "introduction": introduction(shown),
            "head_links": [link for link in self.links.head if is_safe(link[1])],
            "newest": newest(records),
        }


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["figure"] = figure
    return environment


def figure(value: float) -> str:
    """A cost in three digits, without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def script_json(value: Any) -> str:
    """JSON that may stand in a script element: no `<` could end it. Raises ValueError for NaN."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _text(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _hash(text: str) -> str:
    """As a content security policy names an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
