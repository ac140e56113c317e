"""The main plots of the leaderboard as PNG and SVG, for papers.

Equal tables give equal bytes with one version of matplotlib: no dates, no random names, and the
DejaVu fonts that come with it.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, notna

from ...protocols.family import family_of
from ..record.files import write_atomically
from .grid import Group
from .tables import Table

DPI = 200  # of the PNG
PANELS = 4  # columns of a protocol that are plotted side by side
# as in the report: eight colours that colour-blind readers can tell apart, then other shapes
COLOURS = (
    *("#0a5cad", "#c24e00", "#00795a", "#a3387f"),
    *("#806200", "#5f45bd", "#b3261e", "#53585f"),
)
SHAPES = "os^D"
INK, SOFT, GRID, PAPER = "#1b1f24", "#555d67", "#d5d9de", "#ffffff"
# columns of `Table.costs` that accuracy is plotted against
PLOTTED_COSTS = ("trainable parameters (M)", "GFLOPs per view", "training (h)")
WIDE = 8  # largest cost over smallest from which an axis is logarithmic
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "svg.hashsalt": "vclipbench",
    "svg.fonttype": "path",
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "xtick.color": SOFT,
    "ytick.color": INK,
    "text.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class _PlottedGroup:
    """What is plotted of a group of columns: `lines` are its own of `Table.long`, with `row` as label."""

    family: str
    group: Group
    lines: DataFrame

    @property
    def name(self) -> str:
        """How its files end."""
        digest = self.group.digest[:6] if self.group.several else ""
        words = (self.group.protocol, self.group.name, self.group.variant, digest)
        return "-".join(word for word in words if word)

    @property
    def measured(self) -> DataFrame:
        """The lines that come from runs."""
        return self.lines[self.lines["run_ids"] != ""]

    @property
    def columns(self) -> list[str]:
        """The columns that fit: all, or R@1 both ways, or the last, which speaks for the others."""
        there = set(self.measured["column"])
        names = [column.name for column in self.group.columns if column.name in there]
        if len(names) <= PANELS:
            return names
        return [n for n in names if re.fullmatch(r"(\S+ )?[tv]2[tv] R@1", n)][:PANELS] or names[-1:]

    def lower(self, column: str) -> bool:
        """Whether less is better."""
        return next(one.lower for one in self.group.columns if one.name == column)

    def chance(self, columns: Sequence[str]) -> float | None:
        """The computed level of chance of the first of these columns that has one."""
        here = self.lines[self.lines["column"].isin(columns) & (self.lines["run_ids"] == "")]
        return float(here["value"].iloc[0]) if len(here) else None


def save_plots(table: Table, folder: Path) -> list[Path]:
    """Write the plots of a table and return their paths, sorted.

    `intervals-<protocol>`: values and 95 % intervals; `cost-<protocol>`: value against cost, where
    rows differ in a cost; `shots-<protocol>`: few-shot curves. Each as `.png` and `.svg`. An empty
    table has no plots. Raises StoreError if the disk refuses.
    """
    paths: list[Path] = []
    series = _series(table)
    # from the defaults, not from a user's settings
    settings: dict[Any, Any] = {**matplotlib.rcParamsDefault, **_STYLE, "backend": "agg"}
    with matplotlib.rc_context(settings):
        for one in _all_plotted(table):
            figures = {
                f"intervals-{one.name}": _intervals(one),
                f"cost-{one.name}": _costs(one, table.costs.get(one.family), series),
                f"shots-{one.name}": _shots(one, series) if _shots_together(one.family) else None,
            }
            for name, figure in figures.items():
                paths += _saved(figure, folder / name) if figure is not None else []
    return sorted(paths)


def _all_plotted(table: Table) -> Iterator[_PlottedGroup]:
    long = table.long.assign(row=_labels(table.long))
    for family in table.families:
        for group in family.groups:
            here = (long["protocol"] == group.protocol) & (long["digest"] == group.digest)
            if not _shots_together(family.id):
                here &= long["variant"] == (group.variant or "main")
            plotted = _PlottedGroup(family.id, group, long[here])
            if plotted.columns:
                yield plotted


def _shots_together(family: str) -> bool:
    """Whether the variants of a protocol are columns side by side."""
    return family_of(family).columns == "shots"


def _labels(long: DataFrame) -> list[str]:
    """Method, and backbone and checkpoint where rows of runs differ in them.

    That a method needs no backbone is no difference.
    """
    runs = long[long["run_ids"] != ""]
    some = [c for c in ("backbone", "checkpoint") if runs[runs[c] != "none"][c].nunique() > 1]
    parts = zip(*(long[c] for c in ("method", *some)), strict=True)
    return [", ".join(str(word) for word in words if word) for words in parts]


def _series(table: Table) -> dict[str, int]:
    """Method -> its number, which is its colour and shape in every plot."""
    runs = table.long[table.long["run_ids"] != ""]
    return {method: k for k, method in enumerate(dict.fromkeys(runs["method"]))}


def _look(number: int) -> dict[str, Any]:
    shape = SHAPES[number // len(COLOURS) % len(SHAPES)]
    return {"color": COLOURS[number % len(COLOURS)], "marker": shape}


# ---- values and intervals ----


def _intervals(one: _PlottedGroup) -> Figure:
    columns, lines = one.columns, one.measured
    lead = lines[lines["column"] == columns[-1]]
    order = dict(zip(lead["row"], lead["value"], strict=True))
    rows = sorted(
        dict.fromkeys(lines["row"]), key=lambda row: (row not in order, _place(order, row))
    )
    rows = rows[::-1] if one.lower(columns[-1]) else rows
    size = (2.0 + 2.3 * len(columns), 0.9 + 0.24 * len(rows))
    figure = Figure(figsize=size, layout="constrained", facecolor=PAPER)
    panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for axes, column in zip(panels, columns, strict=True):
        _interval_panel(axes, one, column, rows)
    figure.suptitle(one.name, fontsize=10, fontweight="bold", color=INK)
    return figure


def _place(order: dict[str, float], row: str) -> tuple[float, str]:
    return -order.get(row, 0.0), row


def _interval_panel(axes: Axes, one: _PlottedGroup, column: str, rows: list[str]) -> None:
    lines = one.measured
    here = lines[lines["column"] == column]
    ranked = (here["best"] != "").any()
    for line in here.to_dict("records"):
        y = rows.index(line["row"])
        if notna(line["ci_low"]):
            ends = [float(line["ci_low"]), float(line["ci_high"])]
            if line["unit"] == "%":  # an interval over seeds may go beyond what a percentage can be
                ends = [min(max(end, 0.0), 100.0) for end in ends]
            axes.plot(ends, [y, y], color=COLOURS[0], linewidth=1.6)
        face = COLOURS[0] if line["best"] or not ranked else PAPER
        axes.plot(line["value"], y, "o", color=COLOURS[0], markerfacecolor=face, markersize=5)
        if notna(line["reported"]):
            axes.plot(line["reported"], y, "D", color=COLOURS[1], fillstyle="none", markersize=6)
    chance = one.chance([column])
    if chance is not None:
        axes.axvline(chance, color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
    unit = str(here["unit"].iloc[0])
    axes.set_title(column, fontsize=9)
    axes.set_xlabel(unit)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)


# ---- value against cost ----


def _costs(one: _PlottedGroup, costs: DataFrame | None, series: dict[str, int]) -> Figure | None:
    column = one.columns[-1]
    known = _known_costs(costs) if costs is not None else {}
    lines = one.measured
    lines = lines[lines["column"] == column]
    panels = []
    for cost, (label, values) in known.items():
        points = [
            (line, values[line["method"], line["backbone"]])
            for line in lines.to_dict("records")
            if (line["method"], line["backbone"]) in values
        ]
        if len({x for _, x in points}) > 1:
            panels.append((cost, label, points))
    if not panels:
        return None
    size = (1.9 + 2.9 * len(panels), 3.3)
    figure = Figure(figsize=size, layout="constrained", facecolor=PAPER)
    all_axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (_, label, points) in zip(all_axes, panels, strict=True):
        _cost_panel(axes, label, points, series)
    all_axes[0].set_ylabel(f"{column} ({lines['unit'].iloc[0] or 'value'})")
    handles = {h.get_label(): h for axes in all_axes for h in axes.get_lines()}
    figure.legend(list(handles.values()), list(handles), loc="outside right center", fontsize=8)
    figure.suptitle(one.name, fontsize=10, fontweight="bold", color=INK)
    return figure


def _known_costs(costs: DataFrame) -> dict[str, tuple[str, dict[tuple[str, str], float]]]:
    """Cost -> its label and (method, backbone) -> value; hours of the machine most rows ran on."""
    if not len(costs):
        return {}
    machines = costs["machine"].value_counts()
    machine = min(machines[machines == machines.max()].index)
    labelled = {}
    for cost in PLOTTED_COSTS:
        timed = cost == "training (h)"
        lines = costs[costs["machine"] == machine] if timed else costs
        values = {
            (line["method"], line["backbone"]): float(str(line[cost]).replace(",", ""))
            for line in lines.to_dict("records")
            if line[cost]
        }
        label = f"{cost}\non {machine}" if timed else cost
        labelled[cost] = label, values
    return labelled


def _cost_panel(
    axes: Axes,
    label: str,
    points: Sequence[tuple[dict[Any, Any], float]],
    series: dict[str, int],
) -> None:
    positive = [x for _, x in points if x > 0]
    for line, x in points:
        look = _look(series[line["method"]])
        axes.plot(x, line["value"], linestyle="none", markersize=6, label=line["row"], **look)
    if positive and max(positive) / min(positive) > WIDE:
        # linear next to zero, so that what costs nothing has a place
        axes.set_xscale("symlog", linthresh=min(positive))
        powers = range(
            math.ceil(math.log10(min(positive))), math.floor(math.log10(max(positive))) + 1
        )
        ticks = [
            *([0.0] if len(positive) < len(points) else []),
            *(10.0**power for power in powers),
        ]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    axes.set_xlabel(label)


# ---- few-shot curves ----


def _shots(one: _PlottedGroup, series: dict[str, int]) -> Figure | None:
    lines = one.measured
    lines = lines[lines["variant"].str.fullmatch(r"k\d+")]
    if not len(lines):
        return None
    lines = lines.assign(k=lines["variant"].str[1:].astype(int)).sort_values("k", kind="stable")
    figure = Figure(figsize=(6.4, 3.8), layout="constrained", facecolor=PAPER)
    axes = figure.subplots()
    for row in dict.fromkeys(one.measured["row"]):
        here = lines[lines["row"] == row]
        if not len(here):
            continue
        look = _look(series[str(here["method"].iloc[0])])
        axes.plot(here["k"], here["value"], linewidth=1.6, markersize=4.5, label=row, **look)
        held = here[here["ci_low"].notna()].astype({"ci_low": float, "ci_high": float})
        if len(held) > 1:
            ends = held["ci_low"].clip(0, 100), held["ci_high"].clip(0, 100)
            axes.fill_between(held["k"], *ends, color=look["color"], alpha=0.1, linewidth=0)
    chance = one.chance([column.name for column in one.group.columns])
    if chance is not None:
        axes.axhline(chance, color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_xscale("log", base=2)
    shots = sorted(set(lines["k"]))
    axes.set_xticks(shots, [str(k) for k in shots])
    axes.set_xlabel("training clips per class (K)")
    axes.set_ylabel(str(lines["unit"].iloc[0]))
    figure.legend(loc="outside right center", fontsize=8)
    figure.suptitle(one.name, fontsize=10, fontweight="bold", color=INK)
    return figure


# ---- files ----


def _saved(figure: Figure, stem: Path) -> list[Path]:
    formats: dict[str, dict[str, Any]] = {
        "png": {"dpi": DPI, "metadata": {"Software": None}},
        "svg": {"metadata": {"Date": None, "Creator": None}},
    }
    paths = []
    for ending, options in formats.items():
        file = io.BytesIO()
        figure.savefig(file, format=ending, facecolor=PAPER, **options)
        path = stem.with_name(f"{stem.name}.{ending}")
        write_atomically(path, file.getvalue())
        paths.append(path)
    return paths
