"""From scores to the blocks of a record: metrics with intervals, coverage, predictions."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import Any

import numpy as np

from ..leaderboard.stats import wilson
from ..protocols.base import Metric, Protocol, Split, digest
from ..protocols.measure import target_of
from ..protocols.metrics import harmonic_mean, per_class_accuracy
from ..protocols.multilabel_metrics import per_label_average_precision
from .audits import audit_cell
from .cell import Cell
from .evaluate import Scored

LEVEL = 0.95
DRAWS = 10_000


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


def metric_entry(metric: Metric) -> dict[str, Any]:
    """A metric as the record holds it, with its Wilson interval if it is a proportion."""
    low = high = error = None
    how = "wilson"
    if metric.hits is not None and metric.n:
        low, high = (100 * bound for bound in wilson(metric.hits, metric.n, LEVEL))
        share = metric.hits / metric.n
        error = 100 * float(np.sqrt(share * (1 - share) / metric.n))
    elif metric.parts and all(part.hits is not None for part in metric.parts):
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


def exposure(cell: Cell) -> dict[str, Any]:
    """What the weights saw, as far as it is declared, and what of it is in the evaluation."""
    lists = {s.stage.name: s.split for s in cell.stages}
    own = cell.identity["backbone"]["name"] in ("none", "shapes-tiny")
    known = own and cell.identity["init"] is None
    dataset, named = cell.protocol.dataset, cell.resolved.config.data.trained_on
    audits = audit_cell(cell)
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
