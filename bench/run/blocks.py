"""From scores to the blocks of a record: metrics with intervals, coverage, predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import numpy as np

from ...leaderboard.record.blocks import SplitData
from ...leaderboard.statistics.bootstrap import ItemInterval, intervals, value_of, wilson_interval
from ...leaderboard.statistics.items import Items, Key, Number, split_items
from ...protocols.base import Protocol
from ...protocols.measure import target_of
from ...protocols.metric import Metric
from ...protocols.metrics.accuracy import per_class_accuracy
from ...protocols.metrics.multilabel import per_label_average_precision
from ...protocols.split import Split, digest
from ..plan.leaks import audits_of
from ..plan.plan import RunPlan
from ..score.evaluate import Scored

LEVEL = 0.95


def metric_blocks(protocol: Protocol, scored: dict[str, Scored], tie_rule: str) -> list[Metric]:
    """Metrics of every split, then those over splits."""
    metrics: list[Metric] = []
    for part in scored.values():
        if part.ids:
            metrics += protocol.measure(part.outcome(), tie_rule)
            for probe in part.probes:
                first = protocol.measure(part.outcome(probe), tie_rule)[0]
                metrics.append(replace(first, name=f"{first.name}_{probe}"))
    complete = all(part.ids for part in scored.values())
    return metrics + (protocol.summarise(metrics) if complete else [])


def metric_entries(
    metrics: Sequence[Metric], scored: dict[str, Scored], dataset: str, tie_rule: str
) -> list[dict[str, Any]]:
    """Metrics as the record holds them, each with its interval over items.

    A metric that the items do not give, such as one of a plugin's own, has Wilson's interval if it is a
    proportion of clips that share no source, and else none.
    """
    known = intervals(numbers_of(metrics, _items(scored, dataset, tie_rule)), LEVEL)
    shared = shares_sources([s.group for s in part.samples] for part in scored.values())
    return [_entry(metric, interval_of(metric, known, shared)) for metric in metrics]


def interval_of(
    metric: Metric, known: Mapping[Key, ItemInterval], shared: bool
) -> ItemInterval | None:
    """The interval that a record has for a metric, None if it has none.

    Args:
        known: those that items give. shared: whether videos of a split share a source.
    """
    found = known.get((metric.name, metric.split))
    if found is None and metric.hits is not None and metric.n and not shared:
        found = wilson_interval(metric.hits, metric.n, LEVEL)
    return found


def _entry(metric: Metric, found: ItemInterval | None) -> dict[str, Any]:
    return {
        "name": metric.name,
        "value": float(metric.value),
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "n": metric.n,
        "stderr": found.stderr if found else None,
        "ci_low": found.low if found else None,
        "ci_high": found.high if found else None,
        "ci_method": found.method if found else None,
        "level": LEVEL if found else None,
        "split": metric.split,
    }


def _items(scored: dict[str, Scored], dataset: str, tie_rule: str) -> dict[Key, Items]:
    """The items of every metric, those on the changed frames of a probe among them."""
    found: dict[Key, Items] = {}
    for name, part in scored.items():
        if not part.ids:
            continue
        data = SplitData.model_validate(split_data(part.split, part, set()))
        arrays = _arrays(part)
        found |= split_items(name, data, arrays, dataset, tie_rule)
        for probe, scores in part.probes.items():
            changed = {k: v for k, v in arrays.items() if k != "cosines"} | {"scores": scores}
            on_probe = split_items(name, data, changed, dataset, tie_rule)
            found |= {(f"{n}_{probe}", split): items for (n, split), items in on_probe.items()}
    return found


def numbers_of(metrics: Sequence[Metric], items: Mapping[Key, Items]) -> dict[Key, Number]:
    """Every metric whose items give its value, by name and split."""
    found: dict[Key, Number] = {}
    for metric in metrics:
        keys = [(part.name, part.split) for part in metric.parts or (metric,)]
        if not all(key in items for key in keys):
            continue
        parts = tuple(items[key] for key in keys)
        halves = metric.rule == "harmonic-mean"
        number = Number(parts, "harmonic-mean" if halves else "mean")
        if np.isclose(value_of(number), metric.value, rtol=1e-9, atol=1e-9):
            found[metric.name, metric.split] = number
    return found


def shares_sources(groups: Iterable[Sequence[str | None]]) -> bool:
    """Whether any two videos of a split share a source; of each split what its videos come from."""
    named = [[group for group in some if group] for some in groups]
    return any(len(set(some)) < len(some) for some in named)


def aggregates(metrics: list[Metric]) -> list[dict[str, Any]]:
    """What the metrics over splits were computed from."""
    return [
        {
            "name": metric.name,
            "rule": metric.rule,
            "parts": [{"name": m.name, "split": m.split} for m in metric.parts],
        }
        for metric in metrics
        if metric.parts
    ]


def split_data(split: Split, scored: Scored, trained: Set[str]) -> dict[str, Any]:
    """Coverage of one split. `trained`: ids of the videos of all stages."""
    # a list of a user's own may name files that are not there
    gone = [i for i, why in scored.unreadable.items() if "does not exist" in why]
    broken = sorted(i for i in scored.unreadable if i not in gone)
    return {
        "kind": split.kind,
        "classes": list(split.classes),
        "novel": list(split.novel),
        "n_expected": len(split.samples),
        "n_found": len(split.samples) - len(gone) - len(split.missing),
        "n_unreadable": len(broken),
        "unreadable_ids": broken,
        "n_scored": len(scored.ids),
        "ids_digest": digest(sorted(scored.ids)),
        "manifest_digest": split.digest(),
        "train_test_overlap": len(trained & set(scored.ids)),
    }


def exposure(plan: RunPlan) -> dict[str, Any]:
    """What the weights saw, as far as it is declared, and what of it is in the evaluation."""
    lists = {s.stage.name: s.split for s in plan.stages}
    own = plan.identity.backbone.name in ("none", "shapes-tiny")
    dataset, named = plan.protocol.dataset, plan.resolved.config.data.trained_on
    known = own and plan.identity.init is None and not named
    audits = audits_of(plan)
    data = {stage: [f"{s.dataset or dataset}:{s.name}"] for stage, s in lists.items()}
    return {
        "training_data": data | ({"checkpoint": list(named)} if named else {}),
        "class_overlap": sorted({c.class_name for a in audits for c in a.classes})
        if known or audits
        else None,
        "declared": "full" if known else "partial" if audits else "unknown",
        "audits": [found.as_dict() for found in audits],
    }


def per_class(scored: dict[str, Scored]) -> dict[str, dict[str, float]]:
    """Top-1 of each class of each split, or average precision of each label, in %."""
    found = {}
    for name, part in scored.items():
        outcome = part.outcome()
        target = target_of(outcome)
        if part.ids and part.split.kind == "classes":
            found[name] = per_class_accuracy(part.scores, target, part.split.classes)
        elif part.ids and part.split.kind == "labels":
            each = 100 * per_label_average_precision(part.scores, target)
            pairs = zip(part.split.classes, each.tolist(), strict=True)
            found[name] = {label: value for label, value in pairs if np.isfinite(value)}
    return found


def prediction_arrays(scored: dict[str, Scored]) -> dict[str, dict[str, np.ndarray]]:
    """Arrays for `save_predictions`: what is right, scores, and what videos share a source.

    Of captions `captions` counts those of each video; they are the columns of the scores, in order.
    """
    return {name: _arrays(part) for name, part in scored.items() if part.ids}


def _arrays(part: Scored) -> dict[str, np.ndarray]:
    found = {"ids": np.array(part.ids), "scores": part.scores}
    if part.split.kind == "captions":
        found["captions"] = np.array([len(s.captions) for s in part.samples])
        if part.cosines is not None:
            found["cosines"] = part.cosines
    else:
        target = target_of(part.outcome())
        found["target"] = target.astype(np.int8) if part.split.kind == "labels" else target
    if any(sample.group for sample in part.samples):
        found["groups"] = np.array([sample.group or "" for sample in part.samples])
    return found
