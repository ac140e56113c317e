"""Trainings as units of work: found by address, made once, used by every protocol that asks."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from safetensors.torch import load_file, save_file

from ...methods.checkpoint import load_strict
from ..errors import RunFailed
from ..plan.prompts import prompts_of
from .groups import How
from .stream import TrainStream

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ...methods.base import Method
    from ...protocols.split import Sample
    from ..plan.plan import RunPlan
    from ..plan.stages import StagePlan
    from ..ranks import Ranks

Tell = Callable[[int, dict[str, float]], None]
FINAL = "final.safetensors"


def folder_of(root: Path, planned: StagePlan) -> Path:
    """Where the training of a stage is kept: `<out>/trainings/<address>`."""
    return root / "trainings" / planned.id


def is_done(root: Path, planned: StagePlan) -> bool:
    """Whether the final weights of a stage are there."""
    return (folder_of(root, planned) / FINAL).is_file()


def obtain(
    root: Path,
    plan: RunPlan,
    planned: StagePlan,
    samples: list[Sample],
    device: torch.device,
    tell: Tell,
    how: How | None = None,
) -> float:
    """Load what a stage learns into `plan.method`, training (or going on with it) if need be.

    Of several processes the first one looks, locks and writes; all train, and all read what came of it.
    Returns the seconds that training waited for videos.

    The stages before it must have been obtained. Kept: `final.safetensors` (what learned),
    `training.json` (what defines it), `log.csv`; the resumable checkpoint is removed at the end.

    Raises:
        Stopped, TrainingDiverged, VideoError: see `train_stage`.
        RunFailed: another process is busy with the same training, or the disk is full.
    """
    how = how or How()
    folder = folder_of(root, planned)
    folder.mkdir(parents=True, exist_ok=True)
    waited = 0.0
    with _alone(folder, planned, how.ranks):
        if how.ranks.share(not (folder / FINAL).is_file()):
            waited = _train(folder, plan, planned, samples, device, tell, how)
        how.ranks.wait()
    load_learned(plan.method, load_file(folder / FINAL), f"training {planned.id}")
    plan.method.to(device).eval()
    return waited


@contextmanager
def _alone(folder: Path, planned: StagePlan, ranks: Ranks) -> Iterator[None]:
    """No other run makes the same training meanwhile."""
    if not ranks.first:
        yield
        return
    try:
        with FileLock(folder / "lock", timeout=0):
            yield
    except Timeout:
        raise RunFailed(
            f"training {planned.id} is being made by another process ({folder}); wait for it"
        ) from None


def learned(method: Method, stages: Sequence[StagePlan]) -> dict[str, Tensor]:
    """Name -> tensor of everything that the stages train."""
    state = method.state_dict()
    names = sorted({name for planned in stages for name in planned.stage.names(method)})
    return {name: state[name].detach().cpu().contiguous() for name in names}


def load_learned(method: Method, state: dict[str, Tensor], what: str) -> None:
    """Put learned tensors over the starting weights.

    Raises:
        WeightsError: names or shapes that the method does not have.
    """
    may_miss = tuple(k for k in method.state_dict() if k not in state)
    load_strict(method, state, what, may_miss=may_miss)


def _train(
    folder: Path,
    plan: RunPlan,
    planned: StagePlan,
    samples: list[Sample],
    device: torch.device,
    tell: Tell,
    how: How,
) -> float:
    from .hooks import LAST
    from .train import LOGS, train_stage

    method = plan.method.to(device)
    stream = TrainStream(planned, samples, plan.resolved.config, plan.preprocess, plan.seed)
    texts = prompts_of(planned.split.classes, planned.templates)
    first = how.ranks.first
    if first:
        _write_about(folder, plan, planned)
        _check_space(folder, method, planned)
    with (folder / "log.csv").open("a", newline="") if first else nullcontext() as file:
        log = csv.writer(file) if file else None

        def note(step: int, values: dict[str, float]) -> None:
            if log is not None and file is not None and values:
                log.writerow([step, *(f"{k}={v:.6g}" for k, v in values.items())])
                file.flush()
            tell(step, values)

        method.enter(planned.stage)
        planned.stage.apply(method)
        waited = train_stage(method, stream, texts, folder, note, how)
        method.enter(None)
    if first:
        so_far = plan.stages[: plan.stages.index(planned) + 1]
        maker = {"method": planned.method["name"], "stage": planned.stage.name}
        _save(learned(method, so_far), folder / FINAL, maker)
        (folder / LAST).unlink(missing_ok=True)
        shutil.rmtree(folder / LOGS, ignore_errors=True)  # the runner's own; ours is log.csv
    return waited


def _write_about(folder: Path, plan: RunPlan, planned: StagePlan) -> None:
    """`training.json`: what defines the training."""
    about = plan.identity.model_dump(mode="json", include={"backbone", "init", "preprocess"})
    about |= {"method": planned.method, "stage": planned.stage.name, "train": planned.describe()}
    about |= {"seed": plan.seed, "code_digest": planned.code_digest}
    (folder / "training.json").write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")


def _check_space(folder: Path, method: Method, planned: StagePlan) -> None:
    """Refuse to start where the checkpoints will not fit.

    The resumable one is there twice while it is written: all weights, two moments of what learns, and its
    sum in double precision where weights are averaged. At the end the learned weights are written too.
    """
    whole = sum(v.numel() * v.element_size() for v in method.state_dict().values())
    part = sum(v.numel() * v.element_size() for v in learned(method, [planned]).values())
    moments = 4 if planned.train.average_from is not None else 2
    needed, free = 2 * (whole + moments * part) + 2 * part, shutil.disk_usage(folder).free
    if free < needed:
        raise RunFailed(
            f"the training needs {needed / 2**20:.0f} MiB for its checkpoints and {folder} has "
            f"{free / 2**20:.0f} MiB left; free some space or give another folder with --out"
        )


def _save(state: dict[str, Tensor], path: Path, maker: dict[str, str]) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        save_file(state, temporary, maker)
        _sort_metadata(temporary)
        os.replace(temporary, path)
    except Exception as error:
        temporary.unlink(missing_ok=True)
        raise RunFailed(f"cannot write the weights to {path}: {error}") from None


def _sort_metadata(path: Path) -> None:
    """Put the file's own words in one order: safetensors writes them in another one each time.

    Equal tensors are then equal files, which have one digest where they are given as a checkpoint.
    """
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) > length:
            raise ValueError("its header grew")  # sorted, it is as long as before
        file.seek(8)
        file.write(text.ljust(length))
