"""What makes a run that run: the identity block, its digest, and the difference between two.

Everything here is known before work starts. Equal work has an equal identity, hence an equal
`run_id`; that makes skipping and resuming exact.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from ...datasets.value_words import Said
from ...protocols.family import family_of

ABSENT = "(absent)"
"""Stands in `identity_changes` for a key that one of the two identities does not have."""


def json_ready(value: Any, where: str = "value") -> Any:
    """Return `value` if JSON holds it without loss; a ValueError names the place if not.

    Refused: NaN, infinities, tuples, arrays, keys that are not strings.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} is {value!r}: NaN and infinities have no place in a record")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{where} has the key {key!r}: keys are strings")
            json_ready(item, f"{where}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            json_ready(item, f"{where}.{index}")
    elif value is not None and not isinstance(value, (str, bool, int, float)):
        raise ValueError(f"{where} is a {type(value).__name__}, which is not a JSON value")
    return value


JsonDict = Annotated[dict[str, Any], AfterValidator(json_ready)]
Name = Annotated[  # safe as a folder name
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9+._-]*$"),
    Said("a name of letters, digits, + . _ - that begins with a letter or digit"),
]
Digest = Annotated[
    str, Field(pattern=r"^[0-9a-f]{16,64}$"), Said("a digest of 16 to 64 digits 0-9 a-f")
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$"), Said("a SHA-256 of 64 digits 0-9 a-f")]
RunId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$"), Said("a run id of 16 digits 0-9 a-f")]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class Block(BaseModel):
    """A part of the record: immutable, no unknown keys, no type conversion, no NaN or infinity."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class MethodIdentity(Block):
    """The method and all its settings."""

    name: Name = Field(description="Id in the method registry, from the run config")
    version: str = Field(description="Version the method class declares, bumped by hand")
    options: JsonDict = Field(description="Options of build_method, resolved with their defaults")
    stages: list[JsonDict] = Field(description="Training stages as resolved; [] if untrained")


class BackboneIdentity(Block):
    """The CLIP below the method."""

    name: str = Field(description="open_clip model name, or the name of the shipped configuration")
    pretrained: str | None = Field(description="open_clip tag or file name; null: random weights")
    weights_sha256: Sha256 | None = Field(description="Of the weights file; null: random weights")


class InitIdentity(Block):
    """The checkpoint put on top of the backbone: a published one, or that of another run."""

    url: str | None = Field(description="Where a published checkpoint was fetched, if known")
    sha256: Sha256 | None = Field(description="Of the published checkpoint file")
    layout: str | None = Field(
        description="Layout its loader recognised, such as vifi or open-vclip"
    )
    run_id: RunId | None = Field(
        description="The parent run, where its final weights start this one"
    )

    @model_validator(mode="after")
    def _one_source(self) -> InitIdentity:
        if (self.sha256 is None) == (self.run_id is None):
            raise ValueError("init names either a published file (sha256) or a parent run_id")
        return self


class Views(Block):
    """Test-time views of one video."""

    clips: Positive = Field(description="Temporal clips per video, from the protocol")
    crops: Positive = Field(description="Spatial crops per clip, from the protocol")
    merge: str = Field(description="How the views' outputs are merged, such as mean-scores")


class ProtocolIdentity(Block):
    """What is evaluated on what; `digest` decides which records share a column."""

    id: Name = Field(description="Protocol id, <family>-<dataset>, from the protocol registry")
    version: str = Field(description="Version the protocol declares, bumped by hand")
    digest: Digest = Field(
        description="SHA-256 over split lists, class names, templates and view plan, from the "
        "protocol; the same for all K of a few-shot protocol"
    )
    family: Name = Field(description="zs, b2n, fs, full, ret, ml, or a plugin's own")
    dataset: Name = Field(description="Id of the evaluated dataset")
    variant: Name = Field(description="k2, k4, ... for few-shot, else main")
    k_shot: Positive | None = Field(description="Training videos per class; null: all of them")
    splits: list[Name] = Field(min_length=1, description="Evaluation splits, in reporting order")
    class_names_digest: Digest | None = Field(description="Of the ordered names; null: no classes")
    templates: list[str] = Field(description="Prompt templates as used, with {} for the class name")
    templates_digest: Digest = Field(description="Of the templates, in order")
    prompt_ensembling: str = Field(description="How several templates become one text feature")
    views: Views = Field(description="Test-time views, from the protocol")
    frames: Positive = Field(description="Frames per clip, from the run config")
    sampling: str = Field(description="Rule that picks the frames, such as uniform-middle")
    metric_set: str = Field(description="Name of the protocol's metrics and their version")

    @model_validator(mode="after")
    def _variant_says_k(self) -> ProtocolIdentity:
        if family_of(self.family).columns == "shots" and self.variant != f"k{self.k_shot}":
            raise ValueError(f"variant {self.variant} does not say k_shot {self.k_shot}")
        if len(set(self.splits)) < len(self.splits):
            raise ValueError(f"splits {self.splits} name one split twice")
        return self


_ADDED = ("patching", "probe", "limit")


class EvalIdentity(Block):
    """How scores are computed from the trained method."""

    precision: str = Field(description="Number format of the evaluation, such as fp32 or amp-fp16")
    logit_scale: float | None = Field(description="Scale forced on scores; null: the method's own")
    tie_rule: str = Field(description="Rank given to ties: pessimistic, expected or reference")
    seed: int | None = Field(
        description="Seed of an untrained method that draws, such as random; else null"
    )
    patching: float | None = Field(
        default=None, gt=0, le=1, description="Share of the original CLIP in the tested weights"
    )
    probe: str | None = Field(default=None, description="Probe that ran beside, such as time")
    limit: Positive | None = Field(
        default=None, description="At most so many videos of each split; null: all of them"
    )

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not used, so that records from before these fields keep their ids."""
        content: dict[str, Any] = handler(self)
        return {k: v for k, v in content.items() if v is not None or k not in _ADDED}


class Identity(Block):
    """Everything that decides the result, known before work starts. `run_id` is its digest.

    The block in the file is exactly what was hashed: no field has a default, but for those of `eval`
    that stand there only where used.
    """

    method: MethodIdentity = Field(description="From the run config and the method registry")
    backbone: BackboneIdentity = Field(description="From the run config")
    init: InitIdentity | None = Field(description="Start other than the backbone's own weights")
    protocol: ProtocolIdentity = Field(description="From the protocol registry")
    preprocess: JsonDict = Field(
        description="resize, interpolation, antialias, crop, mean, std, decoder"
    )
    train: JsonDict | None = Field(
        description="seed (always), global_batch, epochs, steps, optimiser, lr, schedule, "
        "precision, augmentation, selection (last, val-best, test-best), few_shot_ids_digest; "
        "null: untrained"
    )
    eval: EvalIdentity = Field(description="From the run config and the protocol")

    @model_validator(mode="after")
    def _one_seed(self) -> Identity:
        if self.train is not None and type(self.train.get("seed")) is not int:
            raise ValueError("train.seed is missing or not an integer")
        if self.train is not None and self.eval.seed is not None:
            raise ValueError("eval.seed is null for a trained method: train.seed names the seed")
        return self

    @property
    def seed(self) -> int | None:
        """The seed of the run: of the training, or of an untrained method that draws."""
        return self.eval.seed if self.train is None else self.train["seed"]


def plain(obj: Any) -> Any:
    """A pydantic model as dicts and lists; anything else as it is."""
    return obj.model_dump(mode="json") if isinstance(obj, BaseModel) else obj


def canonical_json(obj: Any) -> str:
    """The one JSON text of `obj`: sorted keys, no spaces, UTF-8 characters, floats in full.

    Raises ValueError for NaN, infinities and whatever JSON cannot hold.
    """
    value = json_ready(plain(obj))
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def identity_id(identity: Identity | Mapping[str, Any]) -> str:
    """The run_id: first 16 hex digits of SHA-256 over the canonical JSON of the identity.

    A mapping is checked and typed first (pydantic.ValidationError if it is no identity), so that
    `logit_scale: 100` and `100.0` are one run.
    """
    text = canonical_json(Identity.model_validate(identity))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def identity_changes(
    a: Identity | Mapping[str, Any], b: Identity | Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    """The fields in which two identities differ: (dotted key, value in a, value in b), sorted.

    Items of lists that hold blocks are addressed by index (`method.stages.0.lr`); a key that one
    side lacks has the value `ABSENT` there.
    """
    return [(".".join(path), old, new) for path, old, new in changed_paths(plain(a), plain(b))]


def changed_paths(
    a: Any, b: Any, path: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], Any, Any]]:
    """As `identity_changes`, with keys as paths: a key of an option may itself hold a dot."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        pairs = {name: (a.get(name, ABSENT), b.get(name, ABSENT)) for name in sorted({*a, *b})}
    elif _blocks(a) and _blocks(b) and len(a) == len(b):
        pairs = {str(i): pair for i, pair in enumerate(zip(a, b, strict=True))}
    else:
        # compared as text: Python takes 1, 1.0 and True for equal, the digest does not
        return [] if canonical_json(a) == canonical_json(b) else [(path, a, b)]
    return [
        change
        for name, (old, new) in pairs.items()
        for change in changed_paths(old, new, (*path, name))
    ]


def _blocks(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)
