"""One run before any work: what is trained, what is evaluated, and the identity that follows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...datasets.video.transforms import (
    CLIP_MEAN,
    CLIP_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
    Augment,
    Preprocess,
)
from ...leaderboard.record.identity import Identity, identity_id
from ...protocols.base import Protocol
from ...protocols.family import family_of
from ...protocols.split import Data, Plan, Split, digest
from ..config.resolve import PROTOCOL, RECIPE, Resolved
from ..config.schema import RunConfig
from ..errors import UserError, check_choice
from .code import encoding_code, scoring_code
from .data import check_coverage, data_of
from .lists import digest_of, planned_lists
from .prompts import ensembling_of, templates_of
from .reading import reading_files
from .stage_checks import check_learning, facts_of, stages_of, version_of
from .stages import StagePlan, plan_stages

if TYPE_CHECKING:
    from ...methods.base import Method, Stage

SAMPLING = {"segments": "segment-centres"}


@dataclass(frozen=True)
class RunPlan:
    """A method on a protocol: one variant, one seed.

    Attributes:
        method: built, with its starting weights loaded. lists: what is trained and evaluated on.
        stages: what will be trained, in order; empty if nothing is.
        patching: share of the original CLIP in the tested weights.
        identity: as the record will hold it; run_id: its digest.
        code_digest: of the code that decides the result; encoding_digest: the features.
    """

    resolved: Resolved
    protocol: Protocol
    lists: Plan
    seed: int
    method: Method
    stages: tuple[StagePlan, ...]
    patching: float
    preprocess: Preprocess
    identity: Identity
    run_id: str
    code_digest: str
    encoding_digest: str

    @property
    def training_id(self) -> str | None:
        """Address of the trained weights."""
        return self.stages[-1].id if self.stages else None

    @property
    def steps(self) -> int:
        """Optimiser steps of all stages."""
        return sum(stage.steps.total for stage in self.stages)

    def learned(self) -> list[str]:
        """Names of all parameters that some stage trains, sorted."""
        return sorted({n for s in self.stages for n in s.stage.names(self.method)})


def limited(lists: Plan, limit: int | None) -> Plan:
    """The lists with at most `limit` videos a split that are there, spread over the list."""
    if limit is None:
        return lists

    def cut(split: Split) -> Split:
        samples = split.present or split.samples
        number = len(samples)
        chosen = sorted({i * number // min(limit, number) for i in range(min(limit, number))})
        return replace(split, samples=tuple(samples[i] for i in chosen))

    train = cut(lists.train) if lists.train else None
    source = cut(lists.source) if lists.source else None
    return replace(
        lists, evaluate=tuple(cut(s) for s in lists.evaluate), train=train, source=source
    )


def make_plan(
    resolved: Resolved,
    protocol: Protocol,
    variant: str,
    seed: int,
    patching: float,
    method: Method,
    init: dict[str, Any] | None,
    missing: Collection[str] = (),
    plugins: tuple[str, ...] = (),
) -> RunPlan:
    """Plan one run.

    Args:
        method: built, with its starting weights. init: from which file they are, if not the backbone's.
        missing: names of parameters that this file did not have.
    """
    config = resolved.config
    open_stages = stages_of(method, protocol.target)
    names = tuple(stage.name for stage in open_stages)
    if init is not None:
        open_stages = tuple(s for s in open_stages if _is_open(s, method, protocol, missing))
    data = data_of(config, protocol, {stage.data for stage in open_stages})
    lists = _checked_lists(config, protocol, variant, seed, data)
    preprocess = preprocessing(resolved, method)
    start = {**_start(resolved, method, init), "preprocess": _pixels(config, preprocess)}
    if lists.train:
        _check_stages(resolved, names)
    if init is not None:
        _check_complete(open_stages if lists.train else (), method, protocol, missing)
    stages = plan_stages(config, protocol, lists, seed, open_stages, start, plugins)
    for planned in stages:
        check_learning(method, planned.stage)
        _check_augment(planned, preprocess)
    prompts = _protocol_prompts(resolved, protocol)
    protocol_digest = digest_of(protocol, data, prompts, config.views.model_dump())
    about = {**start["method"], "stages": _stage_blocks(stages)}
    said = {
        **start,
        "method": about,
        "protocol": _protocol_identity(resolved, protocol, protocol_digest, lists),
        "train": {**stages[-1].describe(), "seed": seed} if stages else None,
        "eval": _eval_identity(config, method, seed, patching, bool(stages), init),
    }
    identity = Identity.model_validate(said)
    return RunPlan(
        resolved=resolved,
        protocol=protocol,
        lists=lists,
        seed=seed,
        method=method,
        stages=stages,
        patching=patching,
        preprocess=preprocess,
        identity=identity,
        run_id=identity_id(identity),
        code_digest=scoring_code(config.method, protocol.id, plugins),
        encoding_digest=encoding_code(config.method, plugins),
    )


def _checked_lists(
    config: RunConfig, protocol: Protocol, variant: str, seed: int, data: Data
) -> Plan:
    """The lists of the run, with enough videos, cut to data.limit."""
    with reading_files() as told:
        lists = planned_lists(protocol, variant, seed, data, told)
    check_coverage(lists, protocol, config)
    return limited(lists, config.data.limit)


def _check_stages(resolved: Resolved, known: tuple[str, ...]) -> None:
    """Refuse settings of stages that there are not; a recipe may name stages that an option drops."""
    for key, layer in resolved.sources.items():
        if key.startswith("stages.") and layer != RECIPE:
            check_choice("stages: the stage", key.split(".")[1], known)


def _protocol_prompts(resolved: Resolved, protocol: Protocol) -> list[str] | None:
    """The prompts that are part of the protocol: those that a recipe brings belong to the method."""
    source = resolved.sources.get("prompts")
    if protocol.target == "captions" and source not in (RECIPE, PROTOCOL):
        raise UserError(f"captions are used as they are: {protocol.id} takes no prompts")
    return None if source == RECIPE else resolved.config.prompts


def _check_augment(planned: StagePlan, preprocess: Preprocess) -> None:
    try:
        Augment(**planned.train.augment.model_dump()).check(preprocess)
    except ValueError as error:
        raise UserError(f"train.augment of stage {planned.stage.name}: {error}") from None


def _is_open(stage: Stage, method: Method, protocol: Protocol, missing: Collection[str]) -> bool:
    """Whether a stage still has to be trained after a checkpoint was loaded.

    The stages that a checkpoint replaces are left out; with zero-shot protocols, which train on the
    source only, all stages whose parameters the checkpoint had.
    """
    if stage.replaceable:
        return False
    if not family_of(protocol.family).source_only:
        return True
    return bool(_lacking(stage, method, missing))


def _lacking(stage: Stage, method: Method, missing: Collection[str]) -> set[str]:
    """What a stage trains and the checkpoint does not have."""
    return {*missing, *(f"clip.{name}" for name in missing)} & set(stage.names(method))


def _check_complete(
    wanted: Sequence[Stage], method: Method, protocol: Protocol, missing: Collection[str]
) -> None:
    """Refuse to evaluate parameters that neither the checkpoint has nor a stage will train."""
    lacking = {n for s in stages_of(method, protocol.target) for n in _lacking(s, method, missing)}
    lacking -= {name for s in wanted for name in s.names(method)}
    # the parts of CLIP itself start from the backbone's weights
    fresh = sorted(name for name in lacking if not name.startswith("clip."))
    if fresh:
        raise UserError(
            f"the checkpoint has no {', '.join(fresh[:3])}{', ...' if len(fresh) > 3 else ''}, and "
            f"{protocol.id} trains nothing here: give the checkpoint of the last stage"
        )


def preprocessing(resolved: Resolved, method: Method) -> Preprocess:
    """The evaluation transform: sizes left open follow the backbone.

    Raises:
        UserError: settings that do not go together.
    """
    wanted, views = resolved.config.preprocess, resolved.config.views
    backbone = getattr(method, "backbone", None)
    size = wanted.size or (backbone.image_size if backbone else 224)
    if backbone is not None and size != backbone.image_size:
        name, right = resolved.config.backbone.name, backbone.image_size
        also = f" and preprocess.resize={right}" if wanted.resize and wanted.resize < right else ""
        raise UserError(
            f"preprocess.size {size}: the backbone {name} has positions for {right} pixels; "
            f"set preprocess.size={right}{also}"
        )
    clip = wanted.normalise == "clip"
    if views.sampling == "linspace" and views.clips > 1:
        raise UserError(f"views.sampling linspace has one clip, not views.clips {views.clips}")
    try:
        return Preprocess(
            size=size,
            resize=wanted.resize,
            interpolation=wanted.interpolation,
            crops=views.crops,
            mean=CLIP_MEAN if clip else IMAGENET_MEAN,
            std=CLIP_STD if clip else IMAGENET_STD,
            pipeline=wanted.pipeline,
        )
    except ValueError as error:
        raise UserError(f"preprocess: {error}") from None


def _start(resolved: Resolved, method: Method, init: dict[str, Any] | None) -> dict[str, Any]:
    """What decides the weights before training."""
    config = resolved.config
    backbone = getattr(method, "backbone", None)
    return {
        "method": {
            "name": config.method,
            "version": version_of(method),
            "options": {**config.options, **facts_of(method)},
            "stages": [],
        },
        "backbone": {
            "name": backbone.name if backbone else "none",
            "pretrained": _short(backbone.pretrained) if backbone else None,
            "weights_sha256": backbone.weights_sha256 if backbone else None,
        },
        "init": init,
    }


def _pixels(config: RunConfig, preprocess: Preprocess) -> dict[str, Any]:
    return {
        **preprocess.describe(),
        "decoder": config.data.reader,
        "on_bad_video": config.data.on_bad_video,
    }


def _stage_blocks(stages: Sequence[StagePlan]) -> list[dict[str, Any]]:
    """What each stage trains; of its settings, those in which it differs from the last stage."""
    last = stages[-1].describe() if stages else {}
    blocks = []
    for planned in stages:
        stage, about = planned.stage, planned.describe()
        blocks.append(
            {
                "name": stage.name,
                "trains": list(stage.trains),
                "frozen": list(stage.frozen),
                "texts": stage.texts,
                "templates": list(planned.templates),
                **{key: value for key, value in about.items() if last[key] != value},
            }
        )
    return blocks


def _eval_identity(
    config: RunConfig,
    method: Method,
    seed: int,
    patching: float,
    trained: bool,
    init: dict[str, Any] | None,
) -> dict[str, Any]:
    backbone = getattr(method, "backbone", None)
    drawn = backbone is not None and backbone.weights_sha256 is None and init is None
    block: dict[str, Any] = {
        "precision": config.eval.precision,
        "logit_scale": None,
        "tie_rule": config.eval.tie_rule,
        "seed": seed if drawn and not trained else None,
    }
    # as in records made before these existed: absent where unused
    if patching and (trained or init is not None):
        block["patching"] = patching
    if config.eval.probe:
        block["probe"] = config.eval.probe
    if config.data.limit is not None:
        block["limit"] = config.data.limit
    return block


def _short(pretrained: str | None) -> str | None:
    """A tag, or the name of a file without its folder."""
    return Path(pretrained).name if pretrained else None


def _protocol_identity(
    resolved: Resolved, protocol: Protocol, protocol_digest: str, lists: Plan
) -> dict[str, Any]:
    config = resolved.config
    prompts = templates_of(lists.evaluate[0], config.prompts)
    return {
        "id": protocol.id,
        "version": protocol.version,
        "digest": protocol_digest,
        "family": protocol.family,
        "dataset": protocol.dataset,
        "variant": lists.variant,
        "k_shot": lists.k_shot,
        "splits": [s.name for s in lists.evaluate],
        "class_names_digest": digest([s.texts for s in lists.evaluate]),
        "templates": prompts,
        "templates_digest": digest(prompts),
        "prompt_ensembling": ensembling_of(prompts),
        "views": {
            "clips": config.views.clips,
            "crops": config.views.crops,
            "merge": f"mean-{config.views.merge}",
        },
        "frames": config.views.frames,
        "sampling": SAMPLING.get(config.views.sampling, config.views.sampling),
        "metric_set": protocol.primary,
    }
