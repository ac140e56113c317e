"""From scores to the blocks of a record: metrics, coverage, exposure, predictions."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Any

import numpy as np

from ...leaderboard.record.arrays import CONTENT_DIGITS
from ...protocols.audit import classes_seen
from ...protocols.base import Protocol
from ...protocols.metric import Metric
from ...protocols.split import Outcome, Split, digest
from ..plan.leaks import audits_of
from ..plan.lists import check_headline, metrics_of
from ..plan.plan import RunPlan
from ..plugin_errors import at_work
from ..score.evaluate import Scored

_NAMED = 100  # ids of videos whose frames are repeated


def metric_blocks(protocol: Protocol, scored: dict[str, Scored], tie_rule: str) -> list[Metric]:
    """Metrics of every split, then those over splits."""
    metrics: list[Metric] = []
    for part in scored.values():
        metrics += _measured(protocol, part.outcome, tie_rule)
        for probe, scores in part.probes.items():
            first = _measured(protocol, part.outcome.on_probe(scores), tie_rule)[0]
            metrics.append(replace(first, name=f"{first.name}_{probe}"))
    with at_work(protocol, "summarise"):
        over_splits = protocol.summarise(metrics)
    metrics += metrics_of(protocol, over_splits, "summarise")
    check_headline(protocol, metrics, list(scored))
    return metrics


def _measured(protocol: Protocol, outcome: Outcome, tie_rule: str) -> list[Metric]:
    with at_work(protocol, "measure"):
        return metrics_of(protocol, protocol.measure(outcome, tie_rule), "measure")


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
    complete = own and plan.identity.init is None and not named
    audits = [audit.as_dict() for audit in audits_of(plan)]
    data = {stage: [f"{s.dataset or dataset}:{s.name}"] for stage, s in lists.items()}
    return {
        "training_data": data | ({"checkpoint": list(named)} if named else {}),
        "class_overlap": classes_seen(audits) if complete or audits else None,
        "declared": "full" if complete else "partial" if audits else "unknown",
        "audits": audits,
    }


def prediction_arrays(
    outcomes: Mapping[str, Outcome], contents: bool = False
) -> dict[str, dict[str, np.ndarray]]:
    """Arrays for `save_predictions`: what is right, scores, and what videos share a source.

    Of captions `captions` counts those of each video; they are the columns of the scores, in order.

    Args:
        contents: also the beginning of the digest of each video's file, as far as they are known.
    """
    arrays = {name: _arrays(outcome) for name, outcome in outcomes.items()}
    for name, outcome in outcomes.items() if contents else ():
        digests = [sample.content[:CONTENT_DIGITS] for sample in outcome.samples]
        if any(digests):
            arrays[name]["content"] = np.array(digests)
    return arrays


def short_videos(scored: Mapping[str, Scored]) -> dict[str, Any]:
    """Where some videos have fewer frames than wanted: how many of each split, and the first ids."""
    short = {name: part.short for name, part in scored.items() if part.short}
    named = {name: {"number": len(ids), "ids": ids[:_NAMED]} for name, ids in short.items()}
    return {"repeated_frames": named} if named else {}


def has_files(protocol: Protocol) -> bool:
    """Whether videos of a protocol are files of others, which may be other ones elsewhere."""
    return bool(protocol.datasets or protocol.needs_root)


def _arrays(outcome: Outcome) -> dict[str, np.ndarray]:
    arrays = {"ids": outcome.ids, "scores": outcome.scores}
    if outcome.split.kind == "captions":
        arrays["captions"] = np.bincount(outcome.target)
        if outcome.cosines is not None:
            arrays["cosines"] = outcome.cosines
    else:
        labels = outcome.split.kind == "labels"
        arrays["target"] = outcome.target.astype(np.int8) if labels else outcome.target
    if outcome.groups is not None:
        arrays["groups"] = outcome.groups
    return arrays
