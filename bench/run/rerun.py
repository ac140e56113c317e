"""A run once more, from its record alone, and how the two compare."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ...datasets.value_words import in_words
from ...leaderboard.record.identity import changed_paths, identity_changes, plain
from ...leaderboard.record.record import Record
from .. import registry
from ..config.flags import check_words, data_flags, given, own_folder
from ..config.resolve import Resolved
from ..config.schema import RunConfig, schema_for
from ..errors import UserError
from ..find_runs import change
from ..terminal import console
from .session import Session

if TYPE_CHECKING:
    from ..plan.plan import RunPlan

_WEIGHTS = (".bin", ".ckpt", ".pt", ".pth", ".safetensors")
_SHOWN = 4


@dataclass(frozen=True)
class Here:
    """Where the files of a run are on this machine: records name files, but no folders.

    Attributes:
        data: as given with --data. plugins: files with methods or protocols.
        files: config key -> path, of `checkpoint`, `backbone.pretrained`, `data.descriptions` and of
            options that are files.
    """

    data: Sequence[str] = ()
    plugins: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


class Again(Session):
    """The session of a record's one run."""

    def __init__(self, record: Record, here: Here, out: Path, device: str):
        self.record = record
        super().__init__(resolved_again(record, here), out, device, "missing", here.plugins)

    def plan(self) -> tuple[RunPlan, Any]:
        """The plan of the record's run, and the report of loading its checkpoint.

        Raises:
            UserError: it would be another run here; names the fields that differ.
        """
        config = self.resolved.config
        plan, report = self._plan(self.record.variant, config.seeds[0], config.eval.patching[0])
        if plan.run_id != self.record.run_id:
            changes = identity_changes(self.record.identity, plan.identity)
            words = [f"{key} {change(old, new)}" for key, old, new in changes]
            more = f"; and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
            raise UserError(
                f"run {self.record.run_id} cannot be repeated, it would be run {plan.run_id} here: "
                f"{'; '.join(words[:_SHOWN])}{more}"
            )
        return plan, report

    def repeat(self, old: Path) -> Record:
        """Do the work of the run, into this session's folder.

        Args:
            old: the folder of the run, which stays as it is.

        Raises:
            UserError: the run is there already, or failed again. KeyboardInterrupt: stopped.
        """
        from . import show
        from .hours import hours_words
        from .run import Execution

        self.store.check_writable()
        folder = self.store.directory(self.record)
        if folder.resolve() == old.resolve():
            raise UserError(f"--out {self.store.root} holds the run itself: give another folder")
        identity = self.record.identity
        there = self.store.read(identity.protocol.id, identity.method.name, self.record.run_id)
        if there is not None and there.status == "done":
            raise UserError(f"{folder} has this run already: remove it, or give another --out")
        plan, report = self.plan()
        device = self.device()
        console.rule(f"{identity.method.name} on {identity.protocol.id}  run {plan.run_id}")
        show.announce(plan, str(device), hours_words(self.store, plan, device))
        try:
            return Execution(plan, self.store, device, self._origin(), report).do()
        except KeyboardInterrupt as stop:
            console.print(f"{str(stop) or 'stopped'}; the same command goes on from there")
            raise


def resolved_again(record: Record, here: Here) -> Resolved:
    """The record's configuration for its one seed and variant, with files as they are here.

    Raises:
        UserError: a file that the run needs is not given or is another one; an unknown method.
    """
    _check_plugin(record, here)
    config = copy.deepcopy(record.command.config_resolved)
    if not {"method", "protocol", "seeds", "data", "eval", "backbone"} <= set(config):
        raise UserError(f"the record of run {record.run_id} holds no configuration to repeat")
    schema = schema_for(registry.card(record.identity.method.name, here.plugins).options)
    seeds = _checked(schema, config, record).seeds
    _check_files(record, here)
    config["seeds"] = [record.seed if record.seed is not None else seeds[0]]
    config["eval"]["patching"] = [record.identity.eval.patching or 0.0]
    config["data"] |= {"root": None, "roots": []}
    for key, value in {**_data_flags(record, here), **here.files}.items():
        section, _, name = key.rpartition(".")
        (config.setdefault(section, {}) if section else config)[name] = value
    checked = _checked(schema, config, record).model_dump()
    return Resolved(RunConfig.model_validate(checked), dict(record.command.config_sources))


def _data_flags(record: Record, here: Here) -> dict[str, Any]:
    """What --data says, as config keys; of videos of one's own the name stays that of the record."""
    if not registry.protocol(record.identity.protocol.id, here.plugins).needs_root:
        return data_flags(list(here.data))
    check_words(here.data)
    name = record.command.config_resolved["data"].get("name")
    return given({"data.root": own_folder(here.data, name, any_name=True)})


def _checked(schema: type[RunConfig], config: dict[str, Any], record: Record) -> RunConfig:
    """The record's configuration by the schema of today; UserError: it does not fit."""
    try:
        return schema.model_validate(config)
    except ValidationError as error:
        raise UserError(
            f"the configuration of run {record.run_id} is none of this version: "
            f"{in_words(error, schema, most=1)}"
        ) from None


def _check_plugin(record: Record, here: Here) -> None:
    """The method's plugin file must be given, and be the same."""
    origin = record.observed.plugin_origin if record.observed else None
    if origin is None or origin.file_sha256 is None:
        return
    named = f"the method of run {record.run_id} came from the plugin file {origin.package}"
    if not any(Path(p).is_file() and _sha256(p) == origin.file_sha256 for p in here.plugins):
        given = "none of those given is" if here.plugins else "give"
        raise UserError(f"{named}: {given} --plugin FILE with the SHA-256 {origin.file_sha256}")


def _check_files(record: Record, here: Here) -> None:
    """Checkpoint, weights, descriptions and videos must be named: a record has no folders."""
    config = record.command.config_resolved
    data, run = config.get("data", {}), f"run {record.run_id}"
    if (data.get("root") or data.get("roots")) and not here.data:
        names = ", ".join(filter(None, [data.get("root"), *data.get("roots", [])]))
        raise UserError(f"{run} read its data from {names}: say with --data where that is")
    pretrained = config.get("backbone", {}).get("pretrained") or ""
    for key, name, flag in (
        ("checkpoint", config.get("checkpoint"), "--checkpoint FILE"),
        ("backbone.pretrained", pretrained.endswith(_WEIGHTS) and pretrained, "--pretrained FILE"),
        ("data.descriptions", data.get("descriptions"), "--file data.descriptions=FILE"),
    ):
        if name and key not in here.files:
            raise UserError(f"{run} used the file {name}: say with {flag} where it is")
    for key, path in here.files.items():
        if not Path(path).exists():
            raise UserError(f"the file for {key}, {path}, does not exist")
        if not key.startswith("options.") and key.split(".")[0] not in config:
            raise UserError(f"--file {key}={path}: {key} is no key of the configuration")
    init = record.identity.init
    if init is not None and init.sha256 and "checkpoint" in here.files:
        found = _sha256(here.files["checkpoint"])
        if found != init.sha256:
            raise UserError(
                f"--checkpoint {here.files['checkpoint']} is not the file of {run}: its SHA-256 is "
                f"{found[:16]}..., and {init.sha256[:16]}... is wanted"
            )


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def comparison(old: Record, new: Record) -> list[str]:
    """What to say of a run and its repetition, line by line."""
    if old.status != "done":
        return [f"the first run has no results to compare with: it is {old.status}"]
    lines = []
    for name in new.data:
        same = name in old.data and old.data[name].ids_digest == new.data[name].ids_digest
        if not same:
            lines.append(f"{name}: other videos were scored ({new.data[name].n_scored:,} of them)")
    before, after = old.primary_metric(), new.primary_metric()
    if before and after:
        change = after.value - before.value
        lines.append(
            f"{after.name}: {before.value:.4f} -> {after.value:.4f} ({change:+.4f} {after.unit})"
        )
    return [*lines, f"{_surroundings(old, new)}: {_metrics(old, new)}"]


def _surroundings(old: Record, new: Record) -> str:
    changes = changed_paths(plain(old.environment), plain(new.environment))
    words = [f"{'.'.join(path)} {change(a, b)}" for path, a, b in changes]
    if old.observed and new.observed and old.observed.code_digest != new.observed.code_digest:
        words.append("other code of method or protocol")
    if not words:
        return "same identity, same environment and code"
    more = f", and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return f"same identity, different environment ({', '.join(words[:_SHOWN])}{more})"


def _metrics(old: Record, new: Record) -> str:
    pairs = [(m, other) for m in new.metrics if (other := old.metric(m.name, m.split))]
    changed = [(abs(m.value - other.value), m) for m, other in pairs if m.value != other.value]
    if len(pairs) < max(len(old.metrics), len(new.metrics)):
        return "the two have other metrics"
    if not changed:
        files = (old.predictions, new.predictions)
        bits = files[0] and files[1] and files[0].sha256 == files[1].sha256
        return f"all {len(pairs)} metrics are equal" + (", predictions bit for bit" if bits else "")
    size, metric = max(changed, key=lambda pair: pair[0])
    where = f" of {metric.split}" if metric.split else ""
    return (
        f"{len(changed)} of {len(pairs)} metrics differ, most {metric.name}{where}, by {size:.4g}"
    )
