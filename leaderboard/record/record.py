"""The record of a run: one per method, protocol, variant and seed, written as `record.json`.

The models here and in `identity` and `blocks` are the documentation of the file: each field says
where its value comes from. Blocks with a default are not known when a run starts; a record with
status `running` lacks them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NoReturn

from pydantic import AfterValidator, Field, ValidationError, model_validator

from ...datasets.value_words import Said, in_words
from .blocks import (
    Aggregate,
    Command,
    Cost,
    Environment,
    ErrorInfo,
    Exposure,
    KeyReport,
    LoadBlock,
    MetricBlock,
    MetricRef,
    Observed,
    PluginOrigin,
    PredictionsFile,
    SplitData,
)
from .identity import (
    ABSENT,
    BackboneIdentity,
    Block,
    EvalIdentity,
    Identity,
    InitIdentity,
    MethodIdentity,
    Name,
    ProtocolIdentity,
    RunId,
    Views,
    canonical_json,
    identity_changes,
    identity_id,
    json_ready,
    plain,
)

__all__ = [
    "ABSENT",
    "Aggregate",
    "BackboneIdentity",
    "Command",
    "Cost",
    "Environment",
    "ErrorInfo",
    "EvalIdentity",
    "Exposure",
    "Identity",
    "InitIdentity",
    "KeyReport",
    "LoadBlock",
    "MethodIdentity",
    "MetricBlock",
    "MetricRef",
    "Observed",
    "PluginOrigin",
    "PredictionsFile",
    "ProtocolIdentity",
    "Record",
    "SCHEMA_VERSION",
    "SplitData",
    "Views",
    "canonical_json",
    "identity_changes",
    "identity_id",
    "parse_record",
    "record_text",
    "utc_now",
]

SCHEMA_VERSION = 2
OLDEST = 1  # version 1 lacks what videos were scored against (kind, classes, novel in data)
_ADDED = {"kind", "classes", "novel", "cpu", "cpu_threads", "compact"}  # by version 2
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def _real(text: str) -> str:
    """A time that there is; the pattern alone would let the 99th of a month pass."""
    try:
        datetime.strptime(text, _TIME)
    except ValueError:
        raise ValueError(f"there is no time {text}") from None
    return text


Time = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"),
    AfterValidator(_real),
    Said("a time such as 2026-11-30T12:00:00Z"),
]


class Record(Block):
    """One run. `run_id` must be the digest of `identity`, or the record is refused."""

    schema_version: Literal[2] = Field(description="Version of this schema")
    run_id: RunId = Field(description="identity_id(identity)")
    status: Literal["running", "done", "failed", "partial"] = Field(description="From the runner")
    created_utc: Time = Field(description="Start of the work, utc_now()")
    finished_utc: Time | None = Field(default=None, description="End of the work, utc_now()")
    tags: list[str] = Field(default=[], description="The user's own words")
    limited: bool = Field(description="Ran on a part of the data (--limit); never in a table")
    identity: Identity = Field(description="What was to be done, known before work starts")
    environment: Environment = Field(description="Where it ran")
    command: Command = Field(description="How to run it again")
    observed: Observed | None = Field(default=None, description="What only the run can know")
    data: dict[Name, SplitData] = Field(default={}, description="Split -> what was scored")
    exposure: Exposure | None = Field(default=None, description="What the weights saw before")
    metrics: list[MetricBlock] = Field(default=[], description="All numbers, from the metric set")
    primary: str | None = Field(default=None, description="Name of the metric that ranks")
    per_class: dict[Name, dict[str, float]] = Field(
        default={}, description="Split -> class -> accuracy in %"
    )
    aggregates: list[Aggregate] = Field(default=[], description="Parts of hm, top1_mean, ...")
    predictions: PredictionsFile | None = Field(default=None, description="From save_predictions")
    cost: Cost | None = Field(default=None, description="What it took")
    load_report: LoadBlock | None = Field(default=None, description="From loading a checkpoint")
    error: ErrorInfo | None = Field(default=None, description="Set when status is failed")

    @model_validator(mode="after")
    def _identity_matches(self) -> Record:
        expected = identity_id(self.identity)
        if self.run_id != expected:
            raise ValueError(
                f"run_id {self.run_id} is not the digest of identity ({expected}): "
                "one of them was edited"
            )
        return self

    @model_validator(mode="after")
    def _limit_is_said(self) -> Record:
        limit = self.identity.eval.limit
        if limit is not None and not self.limited:
            raise ValueError(f"identity.eval.limit is {limit}, and limited is false")
        return self

    @model_validator(mode="after")
    def _parts_agree(self) -> Record:
        keys = [(metric.name, metric.split) for metric in self.metrics]
        if len(set(keys)) < len(keys):
            raise ValueError("metrics hold one name and split twice")
        for aggregate in self.aggregates:
            wanted = [(aggregate.name, None), *((p.name, p.split) for p in aggregate.parts)]
            if missing := [key for key in wanted if key not in keys]:
                raise ValueError(f"aggregate {aggregate.name} names {missing}, not in metrics")
        return self

    @model_validator(mode="after")
    def _status_is_backed(self) -> Record:
        if self.status == "failed" and self.error is None:
            raise ValueError("status failed needs error")
        if self.status == "done":
            needed = ("finished_utc", "observed", "exposure", "primary")
            missing = [name for name in needed if getattr(self, name) is None]
            missing += [f"data.{s}" for s in self.identity.protocol.splits if s not in self.data]
            if self.primary is not None and self.primary_metric() is None:
                missing.append(f"metric {self.primary}")
            if missing:
                raise ValueError(f"status done needs {', '.join(missing)}")
        return self

    @property
    def seed(self) -> int | None:
        """The seed of the run; None for a method that neither trains nor draws."""
        return self.identity.seed

    @property
    def variant(self) -> str:
        """`k16` and the like for few-shot, else `main`."""
        return self.identity.protocol.variant

    def metric(self, name: str, split: str | None = None) -> MetricBlock | None:
        """The metric of this name and split, or None."""
        return next((m for m in self.metrics if (m.name, m.split) == (name, split)), None)

    def primary_metric(self) -> MetricBlock | None:
        """The metric that ranks: over all splits, or of the only split."""
        if self.primary is None:
            return None
        splits = self.identity.protocol.splits
        only = self.metric(self.primary, splits[0]) if len(splits) == 1 else None
        return self.metric(self.primary) or only

    def revised(self, **changes: Any) -> Record:
        """A checked copy with some blocks replaced (model_copy would not check)."""
        return Record.model_validate({**dict(self), **changes})


def utc_now() -> str:
    """Now as records write it: UTC, in whole seconds."""
    return datetime.now(UTC).strftime(_TIME)


def record_text(record: Record) -> str:
    """The content of `record.json`: sorted keys, one value a line, floats in full."""
    value = json_ready(plain(record))
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return text + "\n"


def parse_record(text: str) -> Record:
    """The record in the text of a `record.json`. A ValueError says in one line what is wrong."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise ValueError(f"not complete JSON ({error})") from None
    except RecursionError:
        raise ValueError("it holds lists or objects within each other a thousand deep") from None
    if not isinstance(value, dict) or type(value.get("schema_version")) is not int:
        raise ValueError("not a vclipbench record: it has no schema_version")
    version = value["schema_version"]
    if version > SCHEMA_VERSION:
        raise ValueError(
            f"schema version {version} is newer than {SCHEMA_VERSION}, which this reads: "
            "update vclipbench"
        )
    if version < OLDEST:
        raise ValueError(f"schema version {version} is older than {OLDEST}, the first one")
    if version < SCHEMA_VERSION and (later := _of_version_2(value)):
        raise ValueError(
            f"it says version {version}, and holds {later} of version {SCHEMA_VERSION}"
        )
    _check_unicode(value)
    try:
        return Record.model_validate(value | {"schema_version": SCHEMA_VERSION})
    except ValidationError as error:
        raise ValueError(in_words(error, Record)) from None


def _of_version_2(value: Mapping[str, Any]) -> str | None:
    """The first field in the content of a file that version 1 did not have."""
    splits = value.get("data")
    blocks = {f"data.{n}": b for n, b in splits.items()} if isinstance(splits, dict) else {}
    blocks |= {name: value.get(name) for name in ("environment", "predictions")}
    for where, block in blocks.items():
        added = sorted(_ADDED & set(block)) if isinstance(block, dict) else []
        if added:
            return f"{where}.{added[0]}"
    return None


def _check_unicode(value: Any) -> None:
    """Refuse half a surrogate pair, which JSON can escape and no file or terminal can show."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        bad = error.object[error.start : error.end]
        raise ValueError(f"it holds {bad!a}, which is no Unicode text") from None


def _whole(digits: str) -> int:
    """A whole number; the largest that a record can hold has far fewer digits than Python's limit."""
    if len(digits) > 100:
        raise ValueError(f"it holds a number of {len(digits):,} digits, which nothing here has")
    return int(digits)


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}: NaN and infinities have no place in a record")
