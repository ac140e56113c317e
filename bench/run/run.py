"""A run from plan to record: find or train the weights, evaluate, write."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress

from ...leaderboard.record.predictions import save_predictions
from ...leaderboard.record.record import SCHEMA_VERSION, Record, identity_changes, utc_now
from ...leaderboard.record.store import RunStore
from ...leaderboard.statistics.run_metrics import aggregates, metric_entries, shares_sources
from ...protocols.measure import per_class
from ...protocols.split import Split
from ..environment import argv, environment
from ..errors import RunFailed, UserError, message_of
from ..plan.data import data_of
from ..plan.plan import RunPlan
from ..plan.stages import StagePlan
from ..score.evaluate import Scored, evaluate_split, flops_per_view, patch
from ..score.feature_store import FeatureStore, encoding_parts
from ..terminal import console, progress
from ..train import trainings
from ..train.groups import How
from . import blocks
from .training_videos import readable, say_what_limits

_LEFT_OVER = {"missing_keys", "unexpected_keys", "shape_mismatch"}


class Execution:
    """One planned run on its way to a record."""

    def __init__(
        self,
        plan: RunPlan,
        store: RunStore,
        device: torch.device,
        origin: dict[str, Any],
        load_report: Any = None,
        how: How | None = None,
    ):
        self.how = how or How()
        self.plan, self.store, self.device, self.origin = plan, store, device, origin
        self.load_report = load_report
        self.seconds: dict[str, float] = {}
        self.waited = 0.0  # seconds of training without videos
        self.phase = "prepare"
        protocol, method = plan.identity.protocol.id, plan.identity.method.name
        self.folder = store.directory((protocol, method, plan.run_id))
        self.record = self._started()

    def _started(self) -> Record:
        resolved = self.plan.resolved
        return Record.model_validate(
            {
                "schema_version": SCHEMA_VERSION,
                "run_id": self.plan.run_id,
                "status": "running",
                "created_utc": utc_now(),
                "limited": resolved.config.data.limit is not None,
                "identity": self.plan.identity,
                "environment": environment(self.device),
                "command": {
                    "argv": argv(),
                    "config_resolved": _without_paths(
                        resolved.config.model_dump(mode="json"),
                        self.plan.identity.method.options,
                    ),
                    "config_sources": dict(resolved.sources),
                },
            }
        )

    def wanted(self, if_exists: str) -> bool:
        """Whether there is work to do, by the named strategy.

        Raises:
            UserError: the run exists and the strategy is "fail".
        """
        plan, say = self.plan, console.print
        protocol, method = plan.identity.protocol.id, plan.identity.method.name
        known = self.store.read(protocol, method, plan.run_id)
        if known is None:
            self._say_what_changed()
            return True
        if if_exists == "fail":
            raise UserError(f"run {plan.run_id} exists ({known.status}) in {self.folder}")
        if if_exists == "redo" or known.status != "done":
            return True
        if (
            if_exists == "missing"
            and known.observed
            and known.observed.code_digest != plan.code_digest
        ):
            say(f"[yellow]run {plan.run_id} was made by other code: doing it again[/yellow]")
            return True
        if if_exists == "missing" and self._otherwise_declared(known):
            say(f"run {plan.run_id} has another --trained-on: doing it again")
            return True
        say(f"run {plan.run_id} is done: skipped (--if-exists redo does it again)")
        return False

    def _otherwise_declared(self, known: Record) -> bool:
        """Whether --trained-on, which is in the record but not in the identity, is another now."""
        said = known.exposure.training_data.get("checkpoint", []) if known.exposure else []
        return said != self.plan.resolved.config.data.trained_on

    def _say_what_changed(self) -> None:
        before = self.store.same_cell(self.record)
        if before:
            changes = identity_changes(before[-1].identity, self.record.identity)
            words = [
                f"{key} {old!r} -> {new!r}" for key, old, new in changes if "digest" not in key
            ]
            if words:
                console.print(f"differs from run {before[-1].run_id}: {'; '.join(words[:4])}")

    def do(self, redo: Collection[str] = ()) -> Record:
        """Do the work; the record in the store always tells how far it came.

        Args:
            redo: addresses of trainings to forget and make anew.

        Raises:
            KeyboardInterrupt: stopped (`Stopped` where a signal did it), can be resumed.
            UserError: the run failed; its record says why.
        """
        if not self.how.ranks.first:
            self.how.ranks.wait()  # until the first one has the lock
            self._work(redo)
            return self.record
        with self.store.lock(self.folder):
            self.store.write(self.record)
            try:
                self.how.ranks.wait()
                self.record = self._work(redo)
            except KeyboardInterrupt:
                self._close("partial")
                raise
            except BaseException as error:  # a plugin may call sys.exit, which is a failure too
                block = {"type": type(error).__name__, "message": message_of(error)}
                self._close("failed", error={**block, "phase": self.phase})
                raise
            self.store.write(self.record)
        return self.record

    def _close(self, status: str, **blocks: Any) -> None:
        self.store.write(self.record.revised(status=status, finished_utc=utc_now(), **blocks))

    def _work(self, redo: Collection[str]) -> Record:
        plan = self.plan
        for planned in (p for p in plan.stages if p.id in redo and self.how.ranks.first):
            shutil.rmtree(trainings.folder_of(self.store.root, planned), ignore_errors=True)
        with progress() as bar:
            self._prepare(bar)
            self._train(bar)
            self.phase = "evaluate"
            scored: dict[str, Scored] = {}
            with self._store() as store:
                for number, split in enumerate(plan.lists.evaluate):
                    if (part := self._evaluate(bar, number, store)) is not None:
                        scored[split.name] = part
        self.phase = "record"
        return self._finished(scored) if self.how.ranks.first else self.record

    def _timed(self, name: str, start: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def _prepare(self, bar: Progress) -> None:
        plan, start = self.plan, time.perf_counter()
        splits = list(plan.lists.evaluate)
        root = self.store.root
        splits += [p.split for p in plan.stages if not trainings.is_done(root, p)]
        task = bar.add_task("videos", total=sum(len(s.samples) for s in splits), note="")
        data = data_of(plan.resolved.config, plan.protocol)
        if self.how.ranks.local == 0:  # one on each machine
            plan.protocol.prepare(splits, data, lambda n: bar.advance(task, n))
        self.how.ranks.wait()
        bar.remove_task(task)
        self._timed("prepare", start)

    def _train(self, bar: Progress) -> None:
        plan, start = self.plan, time.perf_counter()
        self.phase = "train"
        plan.method.to(self.device).eval()
        trained = False
        for planned in plan.stages:
            done = self.how.ranks.share(trainings.is_done(self.store.root, planned))
            trained |= not done
            self._stage(planned, done, bar)
        if plan.identity.eval.patching is not None:  # else the weights are the original ones
            patch(plan.method, plan.patching)
        if trained:
            self._timed("train", start)

    def _stage(self, planned: StagePlan, done: bool, bar: Progress) -> None:
        """Train one stage, or find it trained."""
        plan = self.plan
        samples = list(planned.split.samples)
        if not done and plan.resolved.config.data.on_bad_video == "skip":
            reader = plan.resolved.config.data.reader
            good = readable(samples, reader, bar) if self.how.ranks.first else []
            ids = {sample.id for sample in self.how.ranks.share(good)}
            samples = [sample for sample in samples if sample.id in ids]
        name = f"training {planned.stage.name}" if len(plan.stages) > 1 else "training"
        task = bar.add_task(name, total=planned.steps.total, note="")

        def tell(step: int, values: dict[str, float]) -> None:
            note = " ".join(f"{k} {v:.3g}" for k, v in values.items())
            bar.update(task, completed=step, note=note)

        start = time.perf_counter()
        waited = trainings.obtain(
            self.store.root, plan, planned, samples, self.device, tell, self.how
        )
        if not done:
            self.waited += waited
            say_what_limits(name, waited, time.perf_counter() - start, plan.resolved.config)
        bar.remove_task(task)
        if done:
            console.print(f"{name} {planned.id} found: not trained again")

    def _store(self) -> FeatureStore:
        """Features of the final weights, for this run and later ones."""
        wanted = self.plan.resolved.config.eval.cache and any(
            True for _ in self.plan.method.parameters()
        )
        parts = encoding_parts(self.plan, self.device) if wanted else None
        return FeatureStore(self.store.root / "features", parts)

    def _evaluate(self, bar: Progress, number: int, store: FeatureStore) -> Scored | None:
        plan = self.plan
        split = plan.lists.evaluate[number]
        task = bar.add_task(f"scoring {split.name}", total=len(split.samples), note="")
        scored = evaluate_split(
            plan.method,
            split,
            plan.resolved.config,
            plan.preprocess,
            self.device,
            lambda n: bar.advance(task, n),
            store,
            self.how.ranks,
        )
        bar.remove_task(task)
        if scored is None:
            return None
        if scored.reused:
            console.print(
                f"{split.name}: features of {scored.reused} of {len(scored.ids)} videos found"
            )
        for phase, seconds in scored.seconds.items():
            self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds
        if not scored.ids:
            raise RunFailed(f"no video of split {split.name} could be read")
        return scored

    def _finished(self, scored: dict[str, Scored]) -> Record:
        plan = self.plan
        outcomes = {name: part.outcome for name, part in scored.items()}
        metrics = blocks.metric_blocks(plan.protocol, scored, plan.resolved.config.eval.tie_rule)
        trained = {sample.id for planned in plan.stages for sample in planned.split.samples}
        predictions = save_predictions(
            self.folder / "predictions.npz",
            blocks.prediction_arrays(outcomes, blocks.has_files(plan.protocol)),
        )
        videos = sum(len(part.ids) for part in scored.values())
        spent = self.seconds.get("decode", 0.0) + self.seconds.get("encode", 0.0)
        return self.record.revised(
            status="done",
            finished_utc=utc_now(),
            observed=self._observed(scored),
            data={
                s.name: blocks.split_data(s, scored[s.name], trained) for s in plan.lists.evaluate
            },
            exposure=blocks.exposure(plan),
            metrics=metric_entries(
                metrics, shares_sources(one.groups for one in outcomes.values())
            ),
            primary=plan.protocol.primary,
            per_class=per_class(outcomes),
            aggregates=aggregates(metrics),
            predictions=predictions,
            cost={
                "seconds": self.seconds | ({"train_input": self.waited} if self.waited else {}),
                "videos_per_s": videos / spent if spent else None,
                "peak_memory_mb": _peak_memory(self.device),
                "gpu_hours": self.how.ranks.size * sum(self.seconds.values()) / 3600
                if self._gpu
                else None,
                "flops_per_view": self._flops(),
            },
            load_report=_key_reports(self.load_report),
        )

    @property
    def _gpu(self) -> bool:
        return self.device.type == "cuda"

    def _flops(self) -> float | None:
        if not any(True for _ in self.plan.method.parameters()):
            return None
        config = self.plan.resolved.config
        return flops_per_view(self.plan.method, config.views.frames, self.plan.preprocess.size)

    def _lists(self) -> list[Split]:
        return [*self.plan.lists.evaluate, *(planned.split for planned in self.plan.stages)]

    def _observed(self, scored: dict[str, Scored]) -> dict[str, Any]:
        from ...methods.checkpoint import tensors_digest
        from ...protocols.split import digest

        plan, config = self.plan, self.plan.resolved.config
        state = plan.method.state_dict()
        trained = plan.learned()
        sizes = {n: p.numel() for n, p in plan.method.named_parameters()}
        return {
            "code_digest": plan.code_digest,
            "plugin_origin": self.origin,
            "tensors_digest": tensors_digest(state) if state else None,
            "n_params": sum(sizes.values()),
            "trainable_params": sum(sizes[n] for n in trained),
            "frame_index_digest": digest([part.index_digest for part in scored.values()]),
            "effective_plan": {
                "steps": plan.steps,
                "training": plan.training_id,
                "views": config.views.clips * config.views.crops,
                "classes": {s.name: len(s.texts) for s in plan.lists.evaluate},
                "annotations": {k: v for s in self._lists() for k, v in s.sources.items()},
                "unpinned": sorted({name for s in self._lists() for name in s.unpinned}),
                "reused_features": sum(part.reused for part in scored.values()),
                "texts_cut": getattr(getattr(plan.method, "backbone", None), "truncated", 0),
                "on_bad_video": config.data.on_bad_video,
                "salvaged_ids": sorted(i for part in scored.values() for i in part.damaged),
                **blocks.short_videos(scored),
                **({"processes": ranks.size} if (ranks := self.how.ranks).size > 1 else {}),
            },
        }


def _without_paths(config: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """The config with folders and files cut to their last part; options are those of the identity."""
    cut = {**config, "data": dict(config["data"]), "backbone": dict(config["backbone"])}
    if cut["data"].get("name") is None:  # as in records of before it
        cut["data"].pop("name", None)
    cut["data"]["roots"] = [_last(word) for word in cut["data"]["roots"]]
    cut["options"] = {key: options[key] for key in config["options"]}
    for block, key in (
        (cut["data"], "root"),
        (cut["data"], "descriptions"),
        (cut["backbone"], "pretrained"),
        (cut, "checkpoint"),
    ):
        if block.get(key):
            block[key] = Path(block[key]).name
    return cut


def _last(word: str) -> str:
    """ID=DIR with the last part of the folder only."""
    id, _, folder = word.partition("=")
    return f"{id}={Path(folder).name}"


def _key_reports(report: Any) -> dict[str, Any] | None:
    if report is None:
        return None
    return {
        name: {"count": len(getattr(report, name)), "names": getattr(report, name)[:20]}
        for name in sorted(_LEFT_OVER)
    }


def _peak_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
