"""One run before any work: what is trained, what is evaluated, and the identity that follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.transforms import CLIP_MEAN, CLIP_STD, IMAGENET_MEAN, IMAGENET_STD, Preprocess
from ..leaderboard.record import identity_id
from ..protocols.base import Data, Plan, Protocol, Split, digest
from ..protocols.metrics import TIE_RULE
from .config import Resolved
from .environment import ROOT, source_digest
from .registry import method_source_files
from .stream import Steps

if TYPE_CHECKING:
    from ..methods.base import Method, Stage

_SHARED_SOURCES = (
    "bench/evaluate.py",
    "bench/mixing.py",
    "bench/schedule.py",
    "bench/stream.py",
    "bench/train.py",
    "datasets/pixels.py",
    "datasets/sampling.py",
    "datasets/transforms.py",
    "datasets/video.py",
    "datasets/video_child.py",
    "datasets/video_pyav.py",
    "protocols/metrics.py",
)


@dataclass(frozen=True)
class Cell:
    """A method on a protocol: one variant, one seed.

    Attributes:
        method: built, with its starting weights loaded. stages: what will be trained.
        plan: the lists. steps: None if nothing is trained.
        identity: as the record will hold it; run_id: its digest.
        code_digest: of the sources that decide the result.
        training_id: address of the training; None if nothing is trained.
    """

    resolved: Resolved
    protocol: Protocol
    plan: Plan
    seed: int
    method: Method
    stages: tuple[Stage, ...]
    preprocess: Preprocess
    steps: Steps | None
    identity: dict[str, Any]
    run_id: str
    code_digest: str
    training_id: str | None


def limited(plan: Plan, limit: int | None) -> Plan:
    """The plan with at most `limit` videos a split, spread over the list."""
    if limit is None:
        return plan

    def cut(split: Split) -> Split:
        number = len(split.samples)
        chosen = sorted({i * number // min(limit, number) for i in range(min(limit, number))})
        return replace(split, samples=tuple(split.samples[i] for i in chosen))

    train = cut(plan.train) if plan.train else None
    return replace(plan, evaluate=tuple(cut(s) for s in plan.evaluate), train=train)


def make_cell(
    resolved: Resolved,
    protocol: Protocol,
    variant: str,
    seed: int,
    method: Method,
    init: dict[str, Any] | None,
    plugins: tuple[str, ...] = (),
) -> Cell:
    """Plan one run. `method` is built and holds its starting weights; `init` says from which file."""
    config = resolved.config
    data = Data(Path(config.data.root) if config.data.root else None, config.data.size)
    plan = limited(protocol.plan(variant, seed, data), config.data.limit)
    stages = tuple(method.stages(protocol.family)) if plan.train else ()
    if init is not None and protocol.family == "zs":
        stages = ()  # a checkpoint takes the place of the source training
    preprocess = preprocessing(resolved, method)
    steps = None
    if stages and plan.train and config.train:
        train = config.train
        steps = Steps.of(len(plan.train.samples), train.epochs, train.batch_size, train.micro_batch)
    protocol_digest = protocol.digest(data, config.prompts, config.views.model_dump())
    identity = _identity(
        resolved, protocol, protocol_digest, plan, seed, method, stages, preprocess, steps, init
    )
    sources = [ROOT / name for name in _SHARED_SOURCES]
    code = source_digest(sources + [Path(f) for f in method_source_files(config.method, plugins)])
    training_id = None
    if steps:
        parts = ("method", "backbone", "init", "preprocess", "train")
        frames = [config.views.frames, config.prompts, config.data.limit]
        training_id = digest([{p: identity[p] for p in parts}, frames, code])[:16]
    return Cell(
        resolved=resolved,
        protocol=protocol,
        plan=plan,
        seed=seed,
        method=method,
        stages=stages,
        preprocess=preprocess,
        steps=steps,
        identity=identity,
        run_id=identity_id(identity),
        code_digest=code,
        training_id=training_id,
    )


def preprocessing(resolved: Resolved, method: Method) -> Preprocess:
    """The evaluation transform: sizes left open follow the backbone."""
    wanted, views = resolved.config.preprocess, resolved.config.views
    backbone = getattr(method, "backbone", None)
    size = wanted.size or (backbone.image_size if backbone else 224)
    clip = wanted.normalise == "clip"
    return Preprocess(
        size=size,
        resize=wanted.resize,
        interpolation=wanted.interpolation,
        crops=views.crops,
        mean=CLIP_MEAN if clip else IMAGENET_MEAN,
        std=CLIP_STD if clip else IMAGENET_STD,
    )


def _identity(
    resolved: Resolved,
    protocol: Protocol,
    protocol_digest: str,
    plan: Plan,
    seed: int,
    method: Method,
    stages: tuple[Stage, ...],
    preprocess: Preprocess,
    steps: Steps | None,
    init: dict[str, Any] | None,
) -> dict[str, Any]:
    config = resolved.config
    backbone = getattr(method, "backbone", None)
    drawn = backbone is not None and backbone.weights_sha256 is None and init is None
    return {
        "method": {
            "name": config.method,
            "version": method.version,
            "options": dict(config.options),
            "stages": [
                {"name": s.name, "trains": list(s.trains), "frozen": list(s.frozen)} for s in stages
            ],
        },
        "backbone": {
            "name": backbone.name if backbone else "none",
            "pretrained": _short(backbone.pretrained) if backbone else None,
            "weights_sha256": backbone.weights_sha256 if backbone else None,
        },
        "init": init,
        "protocol": _protocol_identity(resolved, protocol, protocol_digest, plan),
        "preprocess": {
            **preprocess.describe(),
            "decoder": config.data.reader,
            "on_bad_video": config.data.on_bad_video,
        },
        "train": _train_identity(resolved, plan, seed, steps),
        "eval": {
            "precision": config.eval.precision,
            "logit_scale": None,
            "tie_rule": TIE_RULE.split(":")[0],
            "seed": seed if drawn and steps is None else None,
        },
    }


def _short(pretrained: str | None) -> str | None:
    """A tag, or the name of a file without its folder."""
    return Path(pretrained).name if pretrained else None


def _protocol_identity(
    resolved: Resolved, protocol: Protocol, protocol_digest: str, plan: Plan
) -> dict[str, Any]:
    config = resolved.config
    return {
        "id": protocol.id,
        "version": protocol.version,
        "digest": protocol_digest,
        "family": protocol.family,
        "dataset": protocol.dataset,
        "variant": plan.variant,
        "k_shot": plan.k_shot,
        "splits": [s.name for s in plan.evaluate],
        "class_names_digest": digest([s.classes for s in plan.evaluate]),
        "templates": list(config.prompts),
        "templates_digest": digest(config.prompts),
        "prompt_ensembling": "single" if len(config.prompts) == 1 else "mean-of-unit-features",
        "views": {
            "clips": config.views.clips,
            "crops": config.views.crops,
            "merge": f"mean-{config.views.merge}",
        },
        "frames": config.views.frames,
        "sampling": "segment-centres",
        "metric_set": protocol.primary,
    }


def _train_identity(
    resolved: Resolved, plan: Plan, seed: int, steps: Steps | None
) -> dict[str, Any] | None:
    train = resolved.config.train
    if steps is None or train is None or plan.train is None:
        return None
    settings = train.model_dump(
        mode="json", exclude={"checkpoint_every", "batch_size", "micro_batch"}
    )
    return {
        **settings,
        "seed": seed,
        "optimiser": "adamw",
        "global_batch": steps.batch,
        "micro_batch": steps.micro,
        "steps": steps.total,
        "selection": "last",
        "training_list": plan.train.name,
        "few_shot_ids_digest": plan.train.digest(),
    }
