"""What a run tells its user: the plan before the first step, progress, and the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from ...datasets.catalog import PUBLISHED
from ...datasets.errors import escaped
from ...datasets.repositories import REPOSITORIES
from ...leaderboard.record.record import Record, SplitData
from ...leaderboard.reported.words import reported_lines
from ...protocols.split import Split
from ..config.resolve import METHOD, PROTOCOL, RECIPE, SCHEMA
from ..plan.needs import needs_words
from ..plan.plan import RunPlan
from ..plan.stage_checks import idle_patterns, stages_of
from ..plan.stages import StagePlan
from ..terminal import console, say, warn

KNOWN = frozenset((*PUBLISHED, *REPOSITORIES))
RANDOM = "random weights"
SHOWN = 5  # ids in a line


Lines = list[tuple[str, str]]
LARGE = 100_000  # frames through a CLIP of full size, which take a CPU hours


def announce(plan: RunPlan, device: str, hours: str, said: Lines | None = None) -> Lines:
    """Print what will be done, before anything is done.

    Args:
        hours: what is known of the time that it takes.
        said: lines of a plan before, which are not told again.

    Returns:
        The lines of this plan.
    """
    lines = _lines(plan, device, hours)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for name, text in lines:
        if (name, text) not in (said or ()):
            table.add_row(name, Text(text))
    console.print(table)
    if said is None:
        for note in plan.lists.notes:
            say(f"note: {note}")
    if said is None and device == "cpu" and (remark := _too_much(plan)):
        warn(remark)
    return lines


def _lines(plan: RunPlan, device: str, hours: str) -> Lines:
    """The plan in lines, what matters most first."""
    config, proto = plan.resolved.config, plan.protocol
    version = f"version {proto.version}, digest {plan.identity.protocol.digest[:12]}"
    lines = [("method", _method(plan)), ("protocol", f"{proto.id}  ({version})")]
    lines += [("needs", _needs(plan, hours)), ("device", device)]
    lines += [("paper reports", line) for line in _reported(plan)]
    for planned in plan.stages:
        name = f"train on ({planned.stage.name})" if len(plan.stages) > 1 else "train on"
        lines.append((name, _split_line(planned.split)))
    lines += [("evaluate on", _split_line(split)) for split in plan.lists.evaluate]
    lines += [("training", line) for line in _training_lines(plan)]
    prompts = plan.identity.protocol.templates
    shown = ", ".join(prompts[:3]) + (", ..." if len(prompts) > 3 else "")
    lines.append(("prompts", f"{len(prompts)}: {shown}"))
    if proto.datasets:
        lines.append(("class names", config.data.class_names))
    if unpinned := sorted({name for s in plan.lists.evaluate for name in s.unpinned}):
        lines.append(("unknown version", ", ".join(unpinned)))
    views, pre = config.views, plan.preprocess
    words = f"{views.clips} clips x {views.crops} crops of {views.frames} frames at {pre.size} px"
    lines.append(("views", f"{words}, {pre.interpolation}, {config.data.reader}"))
    for planned in plan.stages:
        lines += [("note", text) for text in idle_patterns(plan.method, planned.stage)]
    if plan.patching:
        share = f"{plan.patching:g} of the original CLIP in the tested weights"
        lines.append(("patching", share))
    return lines


def _method(plan: RunPlan) -> str:
    config, backbone = plan.resolved.config, plan.identity.backbone
    weights = backbone.pretrained or RANDOM
    if not config.data.videos:
        weights = f"{config.backbone.pretrained or RANDOM}, not loaded for this plan"
    if plan.identity.init is not None and config.checkpoint is not None:
        digest = (plan.identity.init.sha256 or "")[:12]
        weights += f"), checkpoint {Path(config.checkpoint).name} (sha256 {digest}..."
    return f"{config.method}  on {backbone.name} ({weights})"


def _needs(plan: RunPlan, hours: str) -> str:
    ids = [*plan.protocol.datasets, *(planned.split.dataset for planned in plan.stages)]
    weights = plan.identity.backbone.name if plan.identity.backbone.pretrained else None
    if not plan.resolved.config.data.videos and plan.resolved.config.backbone.pretrained:
        weights = plan.identity.backbone.name
    return needs_words((id for id in ids if id in KNOWN), weights, hours)


def _too_much(plan: RunPlan) -> str:
    """What is said of a plan of real size on a CPU; "" of a small one."""
    config = plan.resolved.config
    views = config.views.frames * config.views.clips * config.views.crops
    frames = sum(len(split.present or split.samples) for split in plan.lists.evaluate) * views
    frames += sum(one.steps.total * one.steps.batch * config.views.frames for one in plan.stages)
    size = sum(p.numel() for p in plan.method.parameters())
    if frames < LARGE or size < 50e6:
        return ""
    return (
        f"the device is the CPU, and {frames:,} frames go through {size / 1e6:.0f} M parameters: this is "
        "work for a GPU (--device cuda); scripts/benchmark_methods.py measures what a step takes here"
    )


def _split_line(split: Split) -> str:
    what = {"classes": "classes", "labels": "labels", "captions": "captions"}[split.kind]
    number = len(split.texts)
    if split.kind == "labels" and split.novel:
        what = f"labels, {len(split.novel)} of them novel"
    text = f"{split.name}: {number:,} {what}, {len(split.samples):,} videos"
    there = len(split.samples) - len(split.missing)
    return text + (f", {there:,} of them there" if 0 < there < len(split.samples) else "")


def _training_lines(plan: RunPlan) -> list[str]:
    total = sum(p.numel() for p in plan.method.parameters())
    if not plan.stages:
        why = " (this protocol has no training set)"
        if not stages_of(plan.method, plan.protocol.target):
            why = " (this method does not train)"
        elif plan.identity.init is not None:
            name = Path(plan.resolved.config.checkpoint or "").name
            why = f" (the checkpoint {name} takes its place)"
        return [f"none{why}; {total:,} parameters"]
    return [_stage_line(plan, planned, total) for planned in plan.stages]


def _stage_line(plan: RunPlan, planned: StagePlan, total: int) -> str:
    names = set(planned.stage.names(plan.method))
    trained = sum(p.numel() for n, p in plan.method.named_parameters() if n in names)
    train, steps = planned.train, planned.steps
    parts = " in one pass" if steps.accumulate == 1 else f" in {steps.accumulate} passes"
    averaged = f", averaged from epoch {train.average_from}" if train.average_from else ""
    return (
        f"{planned.stage.name}: {trained:,} of {total:,} parameters, {train.epochs} epochs, "
        f"{steps.total} steps of {steps.batch} videos{parts}, lr {train.lr:g} ({train.schedule})"
        f"{averaged}; address {planned.id}"
    )


def _reported(plan: RunPlan) -> list[str]:
    """What papers report of this method on this protocol, or why there is nothing."""
    protocol = plan.protocol
    if not protocol.datasets:  # one's own videos, and the world made here: no paper can have them
        return []
    lines = reported_lines(
        protocol.id, plan.identity.method.name, plan.lists.variant, plan.identity.backbone.name
    )
    return lines or [
        "no number of this method on this protocol is collected here (docs/reported.md)"
    ]


def settings(plan: RunPlan, whole: bool) -> None:
    """Print the settings and the layer that set each; without `whole` those that the user set."""
    table = Table("setting", "value", "set by", box=None, pad_edge=False)
    rows = plan.resolved.table()
    ours = (SCHEMA, METHOD, PROTOCOL, RECIPE)
    shown = [row for row in rows if whole or row[2] not in ours]
    for key, value, source in shown:
        table.add_row(key, Text(str(value)), source)
    console.print(table)
    if len(shown) < len(rows):
        by = Counter(row[2] for row in rows if row not in shown)
        counts = ", ".join(f"{by[layer]} by {layer}" for layer in ours if by[layer])
        console.print(f"and {counts}: --all shows them")


def result(record: Record) -> None:
    """Print the metrics of a finished run."""
    table = Table("metric", "split", "value", "95 % interval", "n", box=None, pad_edge=False)
    for m in record.metrics:
        span = f"{m.ci_low:.1f} to {m.ci_high:.1f}" if m.ci_low is not None else ""
        table.add_row(m.name, m.split or "", f"{m.value:.1f} {m.unit}", span, str(m.n))
    console.print(table)
    for split, data in record.data.items():
        _lost(split, data)
    frames = record.identity.protocol.frames
    repeated = record.observed.effective_plan.get("repeated_frames", {}) if record.observed else {}
    for split, short in repeated.items():
        warn(
            f"{split}: {_of(short['number'], record.data[split].n_scored)} fewer than {frames} frames, "
            f"which were repeated: {_some(short['ids'], short['number'])}"
        )


def _lost(split: str, data: SplitData) -> None:
    """Say which videos have no score: those that cannot be read, by their ids, and those not there."""
    lost = data.n_expected - data.n_scored
    if not lost:
        return
    why = [f"not there: {gone:,}"] if (gone := data.n_expected - data.n_found) else []
    if data.unreadable_ids:
        why.append(f"cannot be read: {_some(data.unreadable_ids, data.n_unreadable)}")
    warn(f"{split}: {lost:,} of {data.n_expected:,} videos not scored; {'; '.join(why)}")


def _of(number: int, total: int) -> str:
    return f"{number:,} of {total:,} videos {'has' if number == 1 else 'have'}"


def _some(ids: Sequence[str], number: int) -> str:
    """The first ids, and how many more there are."""
    more = f" and {number - SHOWN:,} more" if number > SHOWN else ""
    return ", ".join(map(escaped, ids[:SHOWN])) + more
