"""The stages of a run: each on its list, with its settings, at the address of its training.

An address digests everything that decides the trained weights, so equal work is done once, whichever
method or protocol asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...protocols.base import Protocol
from ...protocols.split import Data, Plan, Sample, Split, digest
from ..errors import UserError
from ..plugin_errors import at_work
from ..registry import card
from .code import training_code
from .data import data_of
from .lists import kind_of
from .steps import Steps, steps_of

if TYPE_CHECKING:
    from ...methods.base import Stage
    from ..config.schema import RunConfig, Train


# settings of train that came after records: as they were before they are not in an identity
_LATER = ("last_batch", "devices")


@dataclass(frozen=True)
class StagePlan:
    """One stage, planned.

    Attributes:
        stage: what learns. split: from which videos. train: by which settings.
        templates: the prompts of its class names. steps: optimiser steps.
        method: name, version and options of the method whose training it is. code_digest: of its sources.
        id: address of the training, which covers the stages before it.
    """

    stage: Stage
    split: Split
    train: Train
    templates: tuple[str, ...]
    steps: Steps
    method: dict[str, Any]
    code_digest: str
    id: str

    def describe(self) -> dict[str, Any]:
        """Settings, list and steps, for the identity of a run."""
        settings = self.train.model_dump(
            mode="json", exclude={"checkpoint_every", "batch_size", "micro_batch"}
        )
        for name in _LATER:
            if settings[name] == type(self.train).model_fields[name].default:
                del settings[name]
        colours = settings["augment"]
        if colours["arithmetic"] == "float":  # as identities were before there was a choice
            del colours["arithmetic"]
        averaged = self.train.average_from is not None
        return {
            **settings,
            "global_batch": self.steps.batch,
            "micro_batch": self.steps.micro,
            "steps": self.steps.total,
            "selection": "mean-of-epochs" if averaged else "last",
            "training_list": self.split.name,
            "few_shot_ids_digest": self.split.digest(),
        }


def plan_stages(
    config: RunConfig,
    protocol: Protocol,
    lists: Plan,
    seed: int,
    stages: tuple[Stage, ...],
    start: dict[str, Any],
    plugins: tuple[str, ...],
) -> tuple[StagePlan, ...]:
    """Give every stage its list, settings and address.

    Args:
        start: what decides the weights before training: method, backbone, init, preprocess.

    Raises:
        UserError: settings for a stage that there is not, texts that the data do not have.
    """
    if lists.train is None:
        return ()
    data = data_of(config, protocol)
    planned: list[StagePlan] = []
    before = ""
    for stage in stages:
        split = lists.source if stage.data == "source" and lists.source else lists.train
        if split.kind == "captions" and stage.texts == "classes":
            stage = replace(stage, texts="captions")  # there is nothing else to learn from
        split = _with_texts(split, stage, config, protocol, data, plugins)
        train = config.train_of(stage.name)
        if train.average_from is not None and train.average_from > train.epochs:
            raise UserError(
                f"train.average_from {train.average_from} is beyond train.epochs {train.epochs}"
            )
        split = replace(split, samples=split.present if config.data.videos else split.samples)
        steps = steps_of(len(split.samples), train)
        templates = _templates(stage, config, protocol)
        maker = _method_part(stage, start["method"], plugins)
        code = training_code(maker["name"], plugins)
        one = StagePlan(stage, split, train, templates, steps, maker, code, id="")
        about: list[Any] = [before, one.describe(), maker, code, seed]
        about += [start[part] for part in ("backbone", "init", "preprocess")]
        about += [list(stage.trains), list(stage.frozen), stage.texts, list(templates)]
        before = digest([*about, config.views.frames, config.data.size])[:16]
        planned.append(replace(one, id=before))
    return tuple(planned)


def _method_part(stage: Stage, method: dict[str, Any], plugins: tuple[str, ...]) -> dict[str, Any]:
    """Name, version and options of the method whose training it is."""
    if stage.same_as is None:
        return {key: method[key] for key in ("name", "version", "options")}
    from ...methods.build import method_class

    options = {k: o.default for k, o in card(stage.same_as, plugins).options.items()}
    version = method_class(stage.same_as).version
    return {"name": stage.same_as, "version": version, "options": options}


def _templates(stage: Stage, config: RunConfig, protocol: Protocol) -> tuple[str, ...]:
    """Templates of a stage; one that repeats another method takes the protocol's, as that does."""
    prompts = list(config.prompts)
    if stage.same_as is not None:
        prompts = list(protocol.defaults.get("prompts", prompts))
    return tuple(prompts if config.train_of(stage.name).ensemble else prompts[:1])


def _with_texts(
    split: Split,
    stage: Stage,
    config: RunConfig,
    protocol: Protocol,
    data: Data,
    plugins: tuple[str, ...],
) -> Split:
    """The list with the captions and descriptions that the stage learns from."""
    described = "descriptions" in card(config.method, plugins).needs
    described = described and stage.same_as is None
    if stage.texts == "classes" and not described:
        return split
    with at_work(protocol, "annotate"):
        annotated = protocol.annotate(split, data)
    if not isinstance(annotated, Split):
        raise UserError(
            f"annotate() of protocol {protocol.id} gives {kind_of(annotated)}; a Split is wanted"
        )
    split = annotated
    if described and config.data.descriptions:
        split = _described(split, config.data.descriptions)
    if lacking := _lacking(split, stage, described):
        raise UserError(
            f"stage {stage.name} of {config.method} learns from {lacking}, which {protocol.id} does not "
            f"have for the list {split.name}; {_way_out(stage, lacking)}"
        )
    return split


def _lacking(split: Split, stage: Stage, described: bool) -> str:
    """Which texts the stage needs and the list does not have; empty if it has all."""
    if described and not any(s.description for s in split.samples):
        return "descriptions"
    if stage.texts != "classes" and not all(s.captions for s in split.samples):
        return "captions"
    if stage.texts == "omnisource" and not all(s.frame_caption for s in split.samples):
        return "captions of middle frames"
    return ""


def _way_out(stage: Stage, lacking: str) -> str:
    if lacking == "descriptions":
        return (
            "give a JSON-lines file with --set data.descriptions=FILE (scripts/describe_videos.py)"
        )
    if stage.replaceable:
        return "start from a checkpoint, which takes the place of the stage, with --checkpoint FILE"
    return "use a protocol that has them, such as one of the family ret"


def _described(split: Split, file: str) -> Split:
    """The list with the descriptions of a file, found by id, path or name of the video."""
    from ...datasets.descriptions import read_descriptions
    from ...datasets.errors import DatasetError

    try:
        known = read_descriptions(file)
    except DatasetError as error:
        raise UserError(str(error)) from None

    def find(sample: Sample) -> str:
        path = sample.path or Path(sample.id)
        names = (sample.id, str(path), path.name, path.stem)
        return next((known[n] for n in names if n in known), "")

    return replace(split, samples=tuple(replace(s, description=find(s)) for s in split.samples))
