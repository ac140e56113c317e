"""What a run tells its user: the plan before the first step, progress, and the result."""

from __future__ import annotations

from rich.table import Table

from ...leaderboard.record.record import Record
from ...leaderboard.reported.words import reported_lines
from ...protocols.split import Split
from ..plan.plan import RunPlan
from ..plan.stage_checks import idle_patterns, stages_of
from ..plan.stages import StagePlan
from ..terminal import console


def announce(plan: RunPlan, device: str) -> None:
    """Print what will be done, before anything is done."""
    config, proto, backbone = plan.resolved.config, plan.protocol, plan.identity.backbone
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    weights = backbone.pretrained or "randomly initialised"
    if not config.data.videos:
        weights = (
            f"{config.backbone.pretrained or 'randomly initialised'}, not loaded for this plan"
        )
    table.add_row("method", f"{config.method}  on {backbone.name} ({weights})")
    version = f"version {proto.version}, digest {plan.identity.protocol.digest[:12]}"
    table.add_row("protocol", f"{proto.id}  ({version})")
    for planned in plan.stages:
        name = f"train on ({planned.stage.name})" if len(plan.stages) > 1 else "train on"
        table.add_row(name, _split_line(planned.split))
    for split in plan.lists.evaluate:
        table.add_row("evaluate on", _split_line(split))
    prompts = plan.identity.protocol.templates
    shown = ", ".join(prompts[:3]) + (", ..." if len(prompts) > 3 else "")
    table.add_row("prompts", f"{len(prompts)}: {shown}")
    if proto.datasets:
        table.add_row("class names", config.data.class_names)
    if unpinned := sorted({name for s in plan.lists.evaluate for name in s.unpinned}):
        table.add_row("unknown version", ", ".join(unpinned))
    views, pre = config.views, plan.preprocess
    table.add_row(
        "views",
        f"{views.clips} clips x {views.crops} crops of {views.frames} frames at {pre.size} px, "
        f"{pre.interpolation}, {config.data.reader}",
    )
    for line in _training_lines(plan):
        table.add_row("training", line)
    for line in (text for p in plan.stages for text in idle_patterns(plan.method, p.stage)):
        table.add_row("note", line)
    if plan.patching:
        table.add_row("patching", f"{plan.patching:g} of the original CLIP in the tested weights")
    for line in _reported(plan):
        table.add_row("paper reports", line)
    table.add_row("device", device)
    console.print(table)


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
            why = " (the checkpoint takes its place)"
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
    if not protocol.datasets:
        return ["nothing: no paper has this cell"]
    lines = reported_lines(
        protocol.id, plan.identity.method.name, plan.lists.variant, plan.identity.backbone.name
    )
    return lines or [
        "no number of this method on this protocol is collected here (docs/reported.md)"
    ]


def settings(plan: RunPlan) -> None:
    """Print every setting and the layer that set it (`--dry-run`)."""
    table = Table("setting", "value", "set by", box=None, pad_edge=False)
    for key, value, source in plan.resolved.table():
        table.add_row(key, str(value), source)
    console.print(table)


def result(record: Record) -> None:
    """Print the metrics of a finished run."""
    table = Table("metric", "split", "value", "95 % interval", "n", box=None, pad_edge=False)
    for m in record.metrics:
        span = f"{m.ci_low:.1f} to {m.ci_high:.1f}" if m.ci_low is not None else ""
        table.add_row(m.name, m.split or "", f"{m.value:.1f} {m.unit}", span, str(m.n))
    console.print(table)
    for split, data in record.data.items():
        if data.n_scored < data.n_expected:
            lost = data.n_expected - data.n_scored
            console.print(
                f"[yellow]{split}: {lost} of {data.n_expected} videos not scored[/yellow]"
            )
