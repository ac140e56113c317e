"""Short trainings of a method under check: where gradients go, and what saved weights bring back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..plan.stage_checks import check_learning, stages_of
from ..registry import protocol
from .fixtures import SEED, TEXTS, NotApplicable, Subject, Trial, Unmet, agree, named

if TYPE_CHECKING:
    from torch import Tensor

    from ...methods.base import Batch, Method, Stage, Target

STEPS = 3


def gradients(subject: Subject) -> str:
    """What a stage says it trains gets gradients within three steps, and nothing else changes."""
    number = 0
    for id in subject.protocols:
        trial = _trial(subject, id)
        if trial and trial.faults:
            raise Unmet(f"{trial.protocol}: {trial.faults[0]}")
        number += len(trial.learned) if trial and trial.protocol == id else 0
    if not subject.trains:
        raise NotApplicable("not trained", "no family has a stage")
    return f"tensors: {number}, ways of training: {len(subject.trials)}"


def _trial(subject: Subject, id: str) -> Trial | None:
    """The training of a protocol, shared by protocols that train the same way; None: nothing to train."""
    target = protocol(id, subject.plugins).target
    method = subject.fresh(id)
    stages = stages_of(method, target)
    if not stages:
        return None
    subject.trains = True
    options = subject.config(id).config.options
    key = (stages, repr(options), target)
    if key not in subject.trials:
        trial = Trial(method, id, set(), [])
        for stage in stages:
            trial.faults += _train_stage(method, stage, batch_of(stage, target, subject.frames))
            trial.learned.update(stage.names(method))
            method.enter(None)
        method.eval()
        subject.trials[key] = trial
    return subject.trials[key]


def _train_stage(method: Method, stage: Stage, batch: Batch) -> list[str]:
    """Three steps of AdamW; what is wrong with the gradients, in words."""
    import torch

    method.enter(stage)
    check_learning(method, stage)
    chosen = stage.apply(method)
    method.train()
    parameters = dict(method.named_parameters())
    others = {n: p.detach().clone() for n, p in parameters.items() if n not in chosen}
    optimiser = torch.optim.AdamW([parameters[n] for n in chosen], lr=1e-4, weight_decay=0)
    reached: set[str] = set()
    strays: set[str] = set()
    for _ in range(STEPS):  # what is multiplied by a weight of 0 is reached only in a later step
        method.zero_grad()
        loss = method.loss(batch)["loss"]
        if loss.ndim or not bool(torch.isfinite(loss)):
            return [f"the loss of stage {stage.name!r} is {loss.tolist()}, no finite number"]
        if not loss.requires_grad:
            return [f"the loss does not depend on what stage {stage.name!r} trains"]
        loss.backward()
        grads = {n: p.grad for n, p in parameters.items() if p.grad is not None}
        if bad := [n for n, g in grads.items() if not bool(torch.isfinite(g).all())]:
            return [f"gradients of stage {stage.name!r} are not finite: {named(bad)}"]
        reached |= {n for n, g in grads.items() if bool((g != 0).any())}
        strays |= set(grads) - set(chosen)
        optimiser.step()
    strays |= {n for n, before in others.items() if not torch.equal(before, parameters[n])}
    faults = []
    if lost := [n for n in chosen if n not in reached]:
        faults.append(f"no gradient reaches what stage {stage.name!r} trains: {named(lost)}")
    if strays:
        faults.append(f"stage {stage.name!r} also changes: {named(sorted(strays))}")
    return faults


def batch_of(stage: Stage, target: Target, frames: Tensor) -> Batch:
    """A training batch of the kind that a stage gets for a kind of target, of noise."""
    import torch

    from ...methods.base import Batch

    number = len(frames)
    captions = [f"{TEXTS[i % len(TEXTS)]} Number {i}." for i in range(number)]
    paired = stage.texts != "classes" or target == "captions"
    texts = captions if paired else list(TEXTS)
    targets = torch.eye(number) if paired else torch.eye(len(TEXTS))[torch.arange(number) % 3]
    multilabel = target == "labels" and not paired
    if multilabel:
        targets = torch.maximum(targets, targets.roll(1, 0))
    omni = stage.texts == "omnisource"
    return Batch(
        frames=frames,
        texts=texts,
        targets=targets,
        ids=[f"noise/{i}" for i in range(number)],
        paired=paired,
        multilabel=multilabel,
        descriptions=[f"A longer text on video {i}: {c}" for i, c in enumerate(captions)],
        images=frames[:, frames.shape[1] // 2][:, None] if omni else None,
        captions=[f"a still, {c}" for c in captions] if omni else None,
    )


def save_and_load(subject: Subject) -> None:
    """What the stages trained, saved and put over a new build, gives the same scores."""
    import torch
    from safetensors.torch import load_file, save_file

    from ...methods.checkpoint import load_strict

    if not subject.trains:
        raise NotApplicable("not trained", "no family has a stage")
    if not subject.trials:
        raise NotApplicable("not checked", "it cannot be trained")
    for trial in subject.trials.values():
        state = {n: v.detach().contiguous() for n, v in trial.method.named_parameters()}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "learned.safetensors"
            save_file({n: state[n].clone() for n in sorted(trial.learned)}, file)
            learned = load_file(file)
        again = subject.fresh(trial.protocol)
        missing = tuple(k for k in again.state_dict() if k not in learned)
        load_strict(again, learned, "what the stages trained", may_miss=missing)
        torch.manual_seed(SEED)
        scores = [
            subject.scores(subject.video(method=m), subject.text(method=m), m)
            for m in (trial.method, again.eval())
        ]
        agree(scores[0], scores[1], f"{trial.protocol}: scores before saving and after loading")
