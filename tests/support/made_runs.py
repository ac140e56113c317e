"""Runs as `bench run` leaves them, with made-up scores: no videos, no weights, milliseconds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from vclipbench.bench.registry import protocol as find_protocol
from vclipbench.bench.run import blocks
from vclipbench.bench.score.evaluate import Scored
from vclipbench.leaderboard.record.predictions import save_predictions
from vclipbench.leaderboard.record.record import SCHEMA_VERSION, Record, identity_id, record_text
from vclipbench.leaderboard.statistics.run_metrics import (
    aggregates,
    metric_entries,
    metric_entry,
    shares_sources,
)
from vclipbench.protocols.base import Protocol
from vclipbench.protocols.measure import per_class
from vclipbench.protocols.metric import Metric
from vclipbench.protocols.split import Data, Plan, Sample, Split, digest

ENVIRONMENT = {
    "version": "0.1.0",
    **dict.fromkeys(("git_commit", "git_dirty", "diff_sha256", "cuda", "cudnn", "driver")),
    **dict.fromkeys(("gpu_model", "attention_kernel")),
    "python": "3.11.7",
    "os": "Linux",
    "packages": {"torch": "2.15.0"},
    "gpu_count": 0,
    "nodes": 1,
    "deterministic_algorithms": False,
    "tf32": {},
    "variables": {},
}


def make_run(
    root: Path,
    protocol_id: str,
    variant: str | None = None,
    tie_rule: str = "pessimistic",
    levels: int | None = None,
    plan: Plan | None = None,
    method: str = "made-up",
    seed: int = 0,
    intervals: bool = True,
) -> Path:
    """Write a finished run and return the path of its record.

    Args:
        levels: scores take only so many values, so that many tie.
        plan: other lists than the protocol's own.
        intervals: metrics have theirs, which takes seconds for labels; `bench verify` asks for them.
    """
    protocol = find_protocol(protocol_id)
    variant = variant or protocol.variants[0]
    plan = plan or protocol.plan(variant, 1, Data(videos=False))
    scored = {s.name: _scored(s, np.random.default_rng(seed), levels) for s in plan.evaluate}
    identity = _identity(protocol, plan, variant, tie_rule, method)
    run_id = identity_id(identity)
    folder = root / protocol_id / method / run_id
    outcomes = {name: part.outcome for name, part in scored.items()}
    metrics = blocks.metric_blocks(protocol, scored, tie_rule)
    predictions = save_predictions(
        folder / "predictions.npz",
        blocks.prediction_arrays(outcomes, blocks.has_files(protocol)),
    )
    record = Record.model_validate(
        {
            "schema_version": SCHEMA_VERSION,
            "run_id": run_id,
            "status": "done",
            "created_utc": "2026-01-02T03:04:05Z",
            "finished_utc": "2026-01-02T03:05:05Z",
            "limited": False,
            "identity": identity,
            "environment": ENVIRONMENT,
            "command": {"argv": ["bench", "run"], "config_resolved": {}, "config_sources": {}},
            "observed": _observed(),
            "data": {
                s.name: blocks.split_data(s, scored[s.name], frozenset()) for s in plan.evaluate
            },
            "exposure": {"training_data": {}, "class_overlap": [], "declared": "full"},
            "metrics": _entries(metrics, scored, protocol.dataset, tie_rule, intervals),
            "primary": protocol.primary,
            "per_class": per_class(outcomes),
            "aggregates": aggregates(metrics),
            "predictions": predictions,
        }
    )
    path = folder / "record.json"
    path.write_text(record_text(record))
    return path


def edit(path: Path, *keys: Any, value: Any, new_id: bool = False) -> Path:
    """Change one value of a record by hand; `new_id`: and hide it by the digest of the identity."""
    record = json.loads(path.read_text())
    inner = record
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    if new_id:
        record["run_id"] = identity_id(record["identity"])
    path.write_text(json.dumps(record, sort_keys=True, indent=1) + "\n")
    return path


def forge(path: Path, split: str, **changes: np.ndarray) -> Path:
    """Change arrays of a run and make the record fit them: SHA-256, digest and number of the ids."""
    from vclipbench.leaderboard.record.predictions import load_predictions

    file = path.with_name("predictions.npz")
    arrays = load_predictions(file)
    arrays[split] |= changes
    record = json.loads(path.read_text())
    compact = record["predictions"].get("compact", False)
    record["predictions"] = {**save_predictions(file, arrays), "compact": compact}
    ids = sorted(map(str, arrays[split]["ids"]))
    record["data"][split] |= {"ids_digest": digest(ids), "n_scored": len(ids)}
    path.write_text(json.dumps(record, sort_keys=True, indent=1) + "\n")
    return path


def mend(path: Path) -> Path:
    """Make all numbers of a record follow from its predictions, as a careful forger would."""
    from vclipbench.bench.verify.rebuilt import Rebuilt
    from vclipbench.leaderboard.record.predictions import load_predictions

    record = Record.model_validate_json(path.read_text())
    rebuilt = Rebuilt(record, load_predictions(path.with_name("predictions.npz")))
    metrics = rebuilt.metrics(find_protocol(record.identity.protocol.id))
    pairs = zip(metrics, rebuilt.intervals(metrics), strict=True)
    content = json.loads(path.read_text()) | {
        "metrics": [metric_entry(metric, found) for metric, found in pairs],
        "per_class": per_class(rebuilt.outcomes),
        "aggregates": aggregates(metrics),
    }
    path.write_text(json.dumps(content, sort_keys=True, indent=1) + "\n")
    return path


def several_captions(videos: int = 12, most: int = 4) -> Plan:
    """A retrieval list in which videos have from one to `most` captions."""
    samples = tuple(
        Sample(f"v{n}", Path("a"), captions=tuple(f"{n} {k}" for k in range(1 + n % most)))
        for n in range(videos)
    )
    return Plan("main", (Split("test", (), samples, kind="captions"),))


def classes_of(dataset: str, names: tuple[str, ...], videos: int = 60) -> Plan:
    """A list of classes whose videos share sources, six by six."""
    samples = tuple(
        Sample(f"v{n:03d}", Path("a"), n % len(names), group=f"g{n // 6}") for n in range(videos)
    )
    return Plan("main", (Split("all", names, samples, raw=names, dataset=dataset),))


def _scored(split: Split, rng: np.random.Generator, levels: int | None) -> Scored:
    split = replace(split, samples=tuple(replace(s, path=Path("a")) for s in split.samples))
    size = (len(split.samples), len(split.texts))
    table = rng.normal(size=size) if levels is None else rng.integers(0, levels, size) / levels
    scores = table.astype(np.float32)
    single = split.kind == "captions" and all(len(s.captions) == 1 for s in split.samples)
    cosines = np.tanh(scores) if single else None
    return Scored(split, list(split.samples), scores, cosines, {}, [], "")


_KNOWN: dict[str, list[dict[str, Any]]] = {}  # entries of metrics by what they were made from


def _entries(
    metrics: list[Metric], scored: dict[str, Scored], dataset: str, tie_rule: str, intervals: bool
) -> list[dict[str, Any]]:
    """Metrics as a finishing run writes them; those of equal scores are computed once."""
    if not intervals:
        return [metric_entry(metric, "left out to save time") for metric in metrics]
    about = [dataset, tie_rule, *(str(metric) for metric in metrics)]
    about += [hashlib.sha256(part.scores.tobytes()).hexdigest() for part in scored.values()]
    key = digest(about)
    if key not in _KNOWN:
        shared = shares_sources(part.outcome.groups for part in scored.values())
        _KNOWN[key] = metric_entries(metrics, shared)
    return _KNOWN[key]


def _identity(
    protocol: Protocol, plan: Plan, variant: str, tie_rule: str, method: str
) -> dict[str, Any]:
    templates = protocol.defaults["prompts"]
    captions = plan.evaluate[0].kind == "captions"
    own = not (protocol.datasets or protocol.needs_root)
    return {
        "method": {"name": method, "version": "1", "options": {}, "stages": []},
        "backbone": {"name": "none", "pretrained": None, "weights_sha256": None},
        "init": None,
        "protocol": {
            "id": protocol.id,
            "version": protocol.version,
            "digest": protocol.digest(Data(videos=False)) if own else digest("lists"),
            "family": protocol.family,
            "dataset": protocol.dataset,
            "variant": variant,
            "k_shot": plan.k_shot,
            "splits": [s.name for s in plan.evaluate],
            "class_names_digest": digest([s.texts for s in plan.evaluate]),
            "templates": ["{}"] if captions else templates,
            "templates_digest": digest(["{}"] if captions else templates),
            "prompt_ensembling": "single",
            "views": {
                "clips": protocol.defaults["views"].get("clips", 1),
                "crops": protocol.defaults["views"].get("crops", 1),
                "merge": "mean-scores",
            },
            "frames": 8,
            "sampling": "segment-centres",
            "metric_set": protocol.primary,
        },
        "preprocess": {},
        "train": None,
        "eval": {"precision": "fp32", "logit_scale": None, "tie_rule": tie_rule, "seed": None},
    }


def _observed() -> dict[str, Any]:
    return {
        "code_digest": hashlib.sha256(b"code").hexdigest(),
        "plugin_origin": {
            "package": "vclipbench",
            "version": "0.1.0",
            "entry_point": None,
            "file_sha256": None,
        },
        "tensors_digest": None,
        "n_params": 0,
        "trainable_params": 0,
        "frame_index_digest": None,
        "effective_plan": {},
    }
