"""Valid records made by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from statistics import fmean, harmonic_mean
from typing import Any

import pytest
from vclipbench.leaderboard.record.record import SCHEMA_VERSION, Record, identity_id
from vclipbench.leaderboard.statistics.intervals import wilson


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def build_identity(
    method: str = "vifi",
    protocol: str = "zs-ucf101",
    splits: tuple[str, ...] = ("split1",),
    k: int | None = None,
    seed: int | None = 1,
    lr: float = 5e-6,
    protocol_digest: str | None = None,
    init: dict[str, Any] | None = None,
    **train: Any,
) -> dict[str, Any]:
    """The identity block; seed None gives an untrained method."""
    family, dataset = protocol.split("-", 1)
    trained = {"seed": seed, "lr": lr, "epochs": 10, "steps": 100, "selection": "last", **train}
    return {
        "method": {"name": method, "version": "1", "options": {}, "stages": []},
        "backbone": {
            "name": "ViT-B-16",
            "pretrained": "openai",
            "weights_sha256": digest("weights"),
        },
        "init": init,
        "protocol": {
            "id": protocol,
            "version": "1",
            "digest": protocol_digest or digest(protocol),
            "family": family,
            "dataset": dataset,
            "variant": f"k{k}" if k else "main",
            "k_shot": k,
            "splits": list(splits),
            "class_names_digest": digest("names"),
            "templates": ["a photo of {}.", "Ein Film über {}."],
            "templates_digest": digest("templates"),
            "prompt_ensembling": "mean-of-unit-features",
            "views": {"clips": 1, "crops": 1, "merge": "mean-scores"},
            "frames": 8,
            "sampling": "uniform-middle",
            "metric_set": "top1-top5",
        },
        "preprocess": {"resize": 224, "mean": [0.48145466, 0.4578275, 0.40821073]},
        "train": None if seed is None else trained,
        "eval": {"precision": "fp32", "logit_scale": None, "tie_rule": "first-index", "seed": None},
    }


def metric(name: str, value: float, split: str | None, interval: bool, n: int) -> dict[str, Any]:
    low, high = (100 * end for end in wilson(round(n * value / 100), n))
    return {
        "name": name,
        "value": value,
        "unit": "%",
        "higher_is_better": True,
        "n": n,
        "stderr": None,
        "ci_low": low if interval else None,
        "ci_high": high if interval else None,
        "ci_method": "wilson" if interval else None,
        "level": 0.95 if interval else None,
        "split": split,
    }


def build_metrics(family: str, top1: dict[str, float], n: int) -> tuple[list[dict[str, Any]], str]:
    """The metrics of a record and the name of the primary one."""
    metrics = [metric("top1", value, split, True, n) for split, value in top1.items()]
    if family == "b2n":
        return [*metrics, metric("hm", harmonic_mean(top1.values()), None, False, n)], "hm"
    if family == "zs":
        return [*metrics, metric("top1_mean", fmean(top1.values()), None, False, n)], "top1_mean"
    return metrics, "top1"


def build_record(
    top1: dict[str, float] | None = None,
    n: int = 1000,
    scored: int | None = None,
    blocks: dict[str, Any] | None = None,
    **identity: Any,
) -> Record:
    """A finished record with these accuracies in %; `blocks` replaces whole blocks."""
    top1 = top1 or {"split1": 60.0}
    block = build_identity(splits=tuple(top1), **identity)
    metrics, primary = build_metrics(block["protocol"]["family"], top1, n)
    data = {
        "n_expected": n,
        "n_found": n,
        "n_unreadable": 0,
        "unreadable_ids": [],
        "n_scored": n if scored is None else scored,
        "ids_digest": digest("ids"),
        "manifest_digest": None,
        "train_test_overlap": None,
    }
    values = {
        "schema_version": SCHEMA_VERSION,
        "run_id": identity_id(block),
        "status": "done",
        "created_utc": "2026-01-02T03:04:05Z",
        "finished_utc": "2026-01-02T04:04:05Z",
        "tags": [],
        "limited": False,
        "identity": block,
        "environment": ENVIRONMENT,
        "command": {"argv": ["bench", "run"], "config_resolved": {}, "config_sources": {}},
        "observed": OBSERVED,
        "data": dict.fromkeys(top1, data),
        "exposure": {"training_data": {}, "class_overlap": [], "declared": "full"},
        "metrics": metrics,
        "primary": primary,
    }
    return Record.model_validate({**values, **(blocks or {})})


OBSERVED = {
    "code_digest": digest("code"),
    "plugin_origin": {
        "package": "vclipbench",
        "version": "0.1.0",
        "entry_point": None,
        "file_sha256": None,
    },
    "tensors_digest": digest("tensors"),
    "n_params": 149_620_737,
    "trainable_params": 0,
    "frame_index_digest": None,
    "effective_plan": {"views": 1},
}
ENVIRONMENT = {
    "version": "0.1.0",
    "git_commit": None,
    "git_dirty": None,
    "diff_sha256": None,
    "python": "3.11.7",
    "os": "Linux",
    "packages": {"torch": "2.15.0"},
    "cuda": None,
    "cudnn": None,
    "driver": None,
    "gpu_model": None,
    "gpu_count": 0,
    "nodes": 1,
    "deterministic_algorithms": True,
    "tf32": {"matmul": False, "cudnn": False},
    "attention_kernel": None,
    "variables": {},
}


@pytest.fixture
def make_identity() -> Callable[..., dict[str, Any]]:
    return build_identity


@pytest.fixture
def make_record() -> Callable[..., Record]:
    return build_record
