"""Runs with predictions, made up, and the page that is made of them."""

import hashlib
import json
import re

import numpy as np
from vclipbench.leaderboard.record.compact import compact_classes
from vclipbench.leaderboard.record.predictions import save_predictions
from vclipbench.leaderboard.record.record import record_text
from vclipbench.leaderboard.record.store import Run
from vclipbench.leaderboard.report import build_report, predictions
from vclipbench.leaderboard.report.dedup import REF
from vclipbench.leaderboard.tables.tables import leaderboard_table

CLASSES = ("red star growing", "red star shrinking", "blue moon growing", "blue moon blinking")
HOSTILE = "</script><b id='hostile'>&\u2028\"'"
SPLITS = ("zs1-val", "zs2-val")
N = 40


def scores_of(seed, strength, n=N, classes=4):
    """Made-up scores [n, classes] and targets; the larger `strength`, the more are right."""
    rng = np.random.default_rng(seed)
    target = np.arange(n) % classes
    scores = rng.normal(0, 1, (n, classes))
    scores[np.arange(n), target] += strength
    return scores.astype(np.float32), target


def arrays_of(split, seed, strength, compact=False, **sizes):
    scores, target = scores_of(seed, strength, **sizes)
    ids = np.array([f"{split}/{i:05d}" for i in range(len(target))])
    points = np.random.default_rng(seed).integers(-32767, 32767, (len(target), 2)).astype(np.int16)
    arrays = {"ids": ids, "scores": scores, "target": target, "map": points}
    return compact_classes(arrays) if compact else arrays


def lot(method, seed, place=0):
    """The seed of made-up scores: another for each method, seed and split."""
    return 1000 * sum(map(ord, method)) + 10 * (seed or 0) + place


def put(root, record, splits):
    """Write a run; the record gets the digest of its predictions."""
    folder = root / record.run_id
    block = save_predictions(folder / "predictions.npz", splits) if splits else None
    record = record.revised(predictions=block)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.json").write_text(record_text(record))
    return Run(record, folder)


def class_run(root, make_record, method, seed, strength, **options):
    """A run on classes whose metrics and accuracies by class are those of its predictions."""
    classes = list(options.pop("classes", CLASSES))
    names = options.pop("splits", SPLITS)
    sizes = {"n": options.pop("n", N), "classes": len(classes)}
    compact, tags = options.pop("compact", False), options.pop("tags", [])
    made = {
        name: arrays_of(name, lot(method, seed, k), strength, compact, **sizes)
        for k, name in enumerate(names)
    }
    top1, per_class = {}, {}
    for name, arrays in made.items():
        outcome = predictions.class_outcome(arrays)
        right = outcome.rank == 1
        top1[name] = float(100 * right.mean())
        per_class[name] = {
            c: float(100 * right[outcome.target == k].mean()) for k, c in enumerate(classes)
        }
    record = make_record(
        top1, sizes["n"], method=method, seed=seed, **({"protocol": "zs-shapes"} | options)
    )
    data = {
        name: part.model_copy(update={"classes": classes}) for name, part in record.data.items()
    }
    cost = {
        "seconds": {"train": 36.0 * len(method)} if seed else {},
        "videos_per_s": 10.0,
        "peak_memory_mb": 900.0,
        "gpu_hours": None,
        "flops_per_view": 1e9 + 1e8 * len(method),
    }
    revised = record.revised(data=data, per_class=per_class, cost=cost, tags=tags)
    return put(root, revised, made)


def retrieval_run(root, make_record, method, seed, strength):
    """Two captions a video."""
    rng = np.random.default_rng(seed or 0)
    video = np.repeat(np.arange(20), 2)
    scores = rng.normal(0, 1, (20, 40)).astype(np.float32)
    scores[video, np.arange(40)] += strength
    ids = np.array([f"ret-test/{i:05d}" for i in range(20)])
    splits = {"test": {"ids": ids, "scores": scores, "captions": np.full(20, 2)}}
    record = make_record({"test": 50.0}, 20, method=method, seed=seed, protocol="ret-shapes")
    metric = record.metrics[0]
    own = [
        metric.model_copy(update={"name": "t2v_r1"}),
        metric.model_copy(
            update={"name": "t2v_medr", "value": 5.0 - (seed or 0), "unit": "rank"}
            | dict.fromkeys(("ci_low", "ci_high", "ci_method", "level"))
            | {"higher_is_better": False}
        ),
    ]
    return put(root, record.revised(metrics=own, primary="t2v_r1"), splits)


def matrix(root, make_record, classes=CLASSES):
    """Runs of three methods in three families."""
    runs = []
    for method, seeds, strength in (("clip", [None], 0.5), ("vifi", [1, 2, 3], 1.5)):
        for seed in seeds:
            runs.append(class_run(root, make_record, method, seed, strength, classes=classes))
            runs.append(retrieval_run(root, make_record, method, seed, strength))
            for k in (2, 4):
                more = {"protocol": "fs-shapes", "splits": ("test",), "k": k, "classes": classes}
                runs.append(class_run(root, make_record, method, seed, strength + k / 8, **more))
    runs.append(class_run(root, make_record, "open-vclip", 1, 3.0, compact=True, classes=classes))
    return runs


def page_of(runs, **more):
    return build_report(runs, leaderboard_table([run.record for run in runs]), **more)


def noise(record, split, id):
    """Frames that compress badly."""
    seed = int(hashlib.sha256(id.encode()).hexdigest()[:8], 16)
    return np.random.default_rng(seed).integers(0, 255, (5, 64, 64, 3), dtype=np.uint8)


def unpooled(packed):
    """The value that `pooled` packed, as the page unpacks it."""
    done = []

    def expand(value):
        if isinstance(value, dict):
            if REF in value:
                return done[value[REF]]
            return {key.removeprefix(REF): expand(item) for key, item in value.items()}
        return [expand(item) for item in value] if isinstance(value, list) else value

    for value in packed["pool"]:
        done.append(expand(value))
    return expand(packed["root"])


def data_of(page):
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return unpooled(json.loads(text[1]))
