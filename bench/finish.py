"""From scores to the blocks of a record: metrics with intervals, coverage, predictions."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import Any

import numpy as np

from ..leaderboard.stats import wilson
from ..protocols.base import Metric, Protocol, Split, digest
from ..protocols.metrics import accuracy, harmonic_mean, per_class_accuracy
from .cell import Cell
from .evaluate import Scored

LEVEL = 0.95
DRAWS = 10_000


def metric_blocks(protocol: Protocol, scored: dict[str, Scored]) -> list[Metric]:
    """Metrics of every split, then those over splits."""
    metrics: list[Metric] = []
    for name, part in scored.items():
        if len(part.ids):
            metrics += accuracy(part.scores, part.target, name)
            for probe, scores in part.probes.items():
                top1 = accuracy(scores, part.target, name)[0]
                metrics.append(replace(top1, name=f"{top1.name}_{probe}"))
    complete = all(len(part.ids) for part in scored.values())
    return metrics + (protocol.summarise(metrics) if complete else [])


def metric_entry(metric: Metric) -> dict[str, Any]:
    """A metric as the record holds it, with its Wilson interval if it is a proportion."""
    low = high = error = None
    how = "wilson"
    if metric.hits is not None and metric.n:
        low, high = (100 * bound for bound in wilson(metric.hits, metric.n, LEVEL))
        share = metric.hits / metric.n
        error = 100 * float(np.sqrt(share * (1 - share) / metric.n))
    elif metric.parts:
        low, high, error = _bootstrap(metric)
        how = "bootstrap-items"
    return {
        "name": metric.name,
        "value": float(metric.value),
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "n": metric.n,
        "stderr": error,
        "ci_low": low,
        "ci_high": high,
        "ci_method": how if low is not None else None,
        "level": LEVEL if low is not None else None,
        "split": metric.split,
    }


def _bootstrap(metric: Metric) -> tuple[float, float, float]:
    """Percentile interval and standard error of a metric over splits, resampling videos within each.

    Resampling n videos of which `hits` are right is a binomial draw (Efron and Tibshirani, 1993,
    chapter 13); 10,000 draws with a fixed seed.
    """
    rng = np.random.RandomState(0)
    shares = [
        100 * rng.binomial(part.n, (part.hits or 0) / part.n, DRAWS) / part.n
        for part in metric.parts
    ]
    combine = harmonic_mean if metric.rule == "harmonic-mean" else lambda *x: float(np.mean(x))
    values = np.array([combine(*row) for row in zip(*shares, strict=True)])
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high), float(values.std())


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
    missing = [i for i, why in scored.unreadable.items() if "does not exist" in why]
    broken = sorted(i for i in scored.unreadable if i not in missing)
    return {
        "n_expected": len(split.samples),
        "n_found": len(split.samples) - len(missing),
        "n_unreadable": len(broken),
        "unreadable_ids": broken,
        "n_scored": len(scored.ids),
        "ids_digest": digest(sorted(scored.ids)),
        "manifest_digest": split.digest(),
        "train_test_overlap": len(trained & set(scored.ids)),
    }


def exposure(cell: Cell) -> dict[str, Any]:
    """What the weights saw, as far as it is declared."""
    lists = {s.stage.name: s.split for s in cell.stages}
    trained = {name for split in lists.values() for name in split.classes}
    target = cell.stages[-1].split.classes if cell.stages else ()
    unseen = {c for s in cell.plan.evaluate if s.classes != target for c in s.classes}
    own = cell.identity["backbone"]["name"] in ("none", "shapes-tiny")
    known = own and cell.identity["init"] is None
    dataset = cell.protocol.dataset
    return {
        "training_data": {stage: [f"{dataset}:{s.name}"] for stage, s in lists.items()},
        "class_overlap": sorted(unseen & trained) if known or trained else None,
        "declared": "full" if known else "partial" if trained else "unknown",
    }


def per_class(splits: tuple[Split, ...], scored: dict[str, Scored]) -> dict[str, dict[str, float]]:
    """Top-1 of each class of each split."""
    return {
        s.name: per_class_accuracy(scored[s.name].scores, scored[s.name].target, s.classes)
        for s in splits
        if len(scored[s.name].ids)
    }


def prediction_arrays(scored: dict[str, Scored]) -> dict[str, dict[str, np.ndarray]]:
    """Arrays for `save_predictions`."""
    return {
        name: {"ids": np.array(part.ids), "target": part.target, "scores": part.scores}
        for name, part in scored.items()
        if len(part.ids)
    }
