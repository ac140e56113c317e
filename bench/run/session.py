"""One call of `bench run`: every variant and seed of a method under a protocol."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...leaderboard.record.store import RunStore
from ...protocols.lists import forget
from ..config.resolve import Resolved
from ..errors import RunFailed, UserError
from ..plan.data import check_coverage, check_settings, data_of
from ..plan.lists import planned_lists, variants_of
from ..plan.needs import check_there
from ..plugin_errors import at_work
from ..ranks import join, ranks, several
from ..registry import card, check_files, resolve
from ..registry import protocol as find_protocol
from ..terminal import console

if TYPE_CHECKING:
    import torch

    from ...methods.base import Method
    from ...methods.checkpoint import LoadReport
    from ..plan.plan import RunPlan

Init = tuple[dict[str, Any] | None, "LoadReport | None"]
"""The identity's block on a checkpoint, and the report of loading it; None and None without one."""


def _check_reader(reader: str, on_bad_video: str) -> None:
    """Refuse a reader that is not there, or cannot do what is asked, before any work.

    Raises:
        UserError: salvage with another reader than pyav. ReaderMissing: not installed.
    """
    from ...datasets.video.read import reader_version

    if on_bad_video == "salvage" and reader != "pyav":
        raise UserError(f"--on-bad-video salvage needs --reader pyav, not {reader}")
    reader_version(reader)


class Session:
    """Plans the runs, does them one after the other, and says what came out."""

    def __init__(
        self,
        resolved: Resolved,
        out: Path,
        device: str,
        if_exists: str,
        plugins: tuple[str, ...],
        at_once: int | None = None,
    ):
        self.at_once = at_once  # videos in a forward pass of training
        self.resolved, self.if_exists, self.plugins = resolved, if_exists, plugins
        self.store = RunStore(out)
        self.redone: set[str] = set()  # addresses of trainings made anew
        self.protocol = find_protocol(resolved.config.protocol, plugins)
        check_files(plugins)
        _check_reader(resolved.config.data.reader, resolved.config.data.on_bad_video)
        check_settings(resolved.config, self.protocol)
        self._check_declared()
        self.device_name = device
        self.whole = False
        self._told: list[tuple[str, str]] | None = None  # of a dry run, what was printed last

    def _check_declared(self) -> None:
        """Read what --trained-on names before any work; a word that names nothing is a ProtocolError."""
        if self.resolved.config.data.trained_on:
            from ..plan.leaks import declared_lists

            declared_lists(self.resolved.config, self.protocol)

    def run(self, dry: bool, whole: bool = False) -> None:
        """Do all the work, or only print what it would be, with `whole` every setting too.

        Raises:
            UserError: see its message; finished records stay.
        """
        self.whole = whole
        forget()  # a list that was read before may be another one now
        self._look()
        if not dry and not several():
            self.store.check_writable()
        device = self.device()
        if not dry and several():
            self._meet()
        seen: set[str] = set()
        config = self.resolved.config
        for variant, seed, ratio in product(
            self.protocol.variants, config.seeds, config.eval.patching
        ):
            if not seen:
                self._look_before_fetching(variant, seed, ratio)
            plan, report = self._plan(variant, seed, ratio)
            if plan.run_id in seen:
                which = f"seed {seed}, patching {ratio:g}" if ratio else f"seed {seed}"
                console.print(f"{which} changes nothing here: nothing is trained or drawn")
                continue
            if not seen:
                self._check_plans(plan)
            seen.add(plan.run_id)
            self._one(plan, report, device, dry)
        if not dry:
            console.print(
                f"records in {self.store.root}; table: bench leaderboard {self.store.root}"
            )

    def _meet(self) -> None:
        """See that all processes have one --out, on one file system, and can write there."""
        one = ranks()
        if one.first:
            self.store.check_writable()
        probe = self.store.root / f".processes-{os.getpid()}"
        if one.first:
            probe.touch()
        probe = self.store.root / one.share(probe.name)
        there = one.gather(probe.exists())
        if one.first:
            probe.unlink()
        if not all(there):
            raise UserError(
                f"process {there.index(False)} of this run does not see what process 0 writes in "
                f"{self.store.root}: --out has to be one folder for all of them"
            )

    def _look(self) -> None:
        """Read the tested lists before torch is imported: what is wrong with them is then said at once."""
        config = self.resolved.config
        check_there(config, self.protocol, card(config.method, self.plugins))
        data = replace(data_of(config, self.protocol, ()), contents=False)
        lists = planned_lists(self.protocol, variants_of(self.protocol)[0], config.seeds[0], data)
        check_coverage(lists, self.protocol, config)

    def _check_plans(self, first: RunPlan) -> None:
        """Plan every variant and seed before the first one starts, so that none is refused hours later."""
        config = self.resolved.config
        needs = {planned.stage.data for planned in first.stages}
        data = replace(data_of(config, self.protocol, needs), contents=False)
        for variant, seed in product(self.protocol.variants, config.seeds):
            planned_lists(self.protocol, variant, seed, data)

    def _one(
        self, plan: RunPlan, report: LoadReport | None, device: torch.device, dry: bool
    ) -> None:
        from ..train.groups import How
        from . import show
        from .hours import hours_words
        from .run import Execution

        title = f"{plan.identity.method.name} on {self.protocol.id}"
        run = f"run {plan.run_id}" if self.resolved.config.data.videos else "lists only"
        console.rule(f"{title}  {plan.lists.variant}  seed {plan.seed}  {run}")
        hours = hours_words(self.store, plan, device)
        lines = show.announce(plan, str(device), hours, self._told)
        if dry:
            if self._told is None:
                show.settings(plan, self.whole)
            self._told = lines
            return
        one = ranks()
        one.agree("the code", plan.code_digest[:12])
        one.agree("the run", " ".join([plan.run_id, *(planned.id for planned in plan.stages)]))
        work = Execution(plan, self.store, device, self._origin(), report, How(self.at_once, one))
        if not one.share(work.wanted(self.if_exists) if one.first else False):
            return
        redo = {planned.id for planned in plan.stages if self.if_exists == "redo"} - self.redone
        self.redone |= redo
        try:
            record = work.do(redo)
            if one.first:
                show.result(record)
        except KeyboardInterrupt as stop:
            console.print(f"{str(stop) or 'stopped'}; the same command goes on from there")
            raise

    def _look_before_fetching(self, variant: str, seed: int, ratio: float) -> None:
        """Plan with random weights where the right ones have to be fetched: lists come first."""
        from ...methods.backbone import has_weights

        config = self.resolved.config
        weights = config.backbone.pretrained
        if not card(config.method, self.plugins).backbone or not config.data.videos:
            return
        if not has_weights(config.backbone.name, weights):
            self._plan(variant, seed, ratio, "none")

    def method(self, seed: int, weights: str | None = None) -> tuple[Method, Init]:
        """The method with its starting weights, and (init block, load report) of the checkpoint.

        Args:
            weights: those of the backbone, if not the configured ones.
        """
        import torch

        from ...methods.build import build_method, method_class
        from ..train.checkpoint import load_checkpoint

        config = self.resolved.config
        needs = card(config.method, self.plugins).backbone
        torch.manual_seed(seed)
        try:
            with at_work(method_class(config.method), "__init__"):
                method = build_method(
                    config.method,
                    config.backbone.name if needs else None,
                    (weights or self._weights()) if needs else None,
                    **config.options,
                )
        except ValueError as error:  # a method's own check of its options
            raise UserError(f"method {config.method}: {error}") from None
        if any(config.eval.patching):
            method.keep_original()
        if config.checkpoint is None:
            return method, (None, None)
        return method, load_checkpoint(method, config.method, config.checkpoint)

    def _weights(self) -> str:
        """Where the backbone's weights are from; a plan without videos does without them."""
        if not self.resolved.config.data.videos:
            return "none"
        return self.resolved.config.backbone.pretrained or "none"

    def _plan(
        self, variant: str, seed: int, patching: float, weights: str | None = None
    ) -> tuple[RunPlan, LoadReport | None]:
        from ..plan.plan import make_plan

        method, (init, report) = self.method(seed, weights)
        plan = make_plan(
            self.resolved,
            self.protocol,
            variant,
            seed,
            patching,
            method,
            init,
            missing=report.missing_keys if report else (),
            plugins=self.plugins,
        )
        return plan, report

    def device(self) -> torch.device:
        """The torch device that --device names.

        Raises:
            RunFailed: "cuda" was asked for and there is none.
        """
        import torch

        gpu = self.device_name != "cpu" and torch.cuda.is_available()
        local = join(gpu).local
        if gpu and not several():
            return torch.device("cuda")
        if gpu:
            if local >= torch.cuda.device_count():
                raise UserError(
                    f"process {local} of this machine has no GPU: there are "
                    f"{torch.cuda.device_count()}; start one process a GPU"
                )
            torch.cuda.set_device(local)
            return torch.device("cuda", local)
        if self.device_name == "cpu":
            return torch.device("cpu")
        if self.device_name == "cuda":
            raise RunFailed("--device cuda: torch sees no GPU here; use --device cpu or auto")
        return torch.device("cpu")

    def _origin(self) -> dict[str, Any]:
        """The record's `plugin_origin` block."""
        import hashlib

        from ... import __version__

        entry = resolve("methods", self.resolved.config.method, self.plugins)
        file = next((p for p in self.plugins if entry.origin.endswith(Path(p).name)), None)
        sha = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None
        built_in = entry.origin == "built in"
        package, _, release = entry.origin.partition(" ")
        return {
            "package": "vclipbench" if built_in else Path(file).name if file else package,
            "version": __version__ if built_in else None if file else release or None,
            "entry_point": None if built_in or file else entry.id,
            "file_sha256": sha,
        }
