"""What a run can be told: every key with its type, default and meaning. Unknown keys are refused.

PyYAML reads `5e-6` as text: numbers and truth values given as text become what they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    create_model,
    field_validator,
)
from pydantic.fields import FieldInfo

from ..methods.card import Option


def _number(value: Any) -> Any:
    """The number that a text says, else the value as it is."""
    if isinstance(value, str):
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
    return value


def _choice(value: Any) -> Any:
    """As `_number`; True == 1, so a Literal[1, 3] would let it through."""
    return str(value) if isinstance(value, bool) else _number(value)


def _truth(value: Any) -> Any:
    """The truth value that a text says, else the value as it is."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    return value


def _none(value: Any) -> Any:
    """The word none, which shells and YAML 1.2 users write for null."""
    return None if value == "none" else value


Integer = Annotated[int, Field(strict=True), BeforeValidator(_number)]
Real = Annotated[float, Field(strict=True), BeforeValidator(_number)]
Flag = Annotated[bool, Field(strict=True), BeforeValidator(_truth)]
Positive = Annotated[Integer, Field(ge=1)]
NonNegative = Annotated[Real, Field(ge=0)]
Share = Annotated[Real, Field(ge=0, le=1)]
Decay = Annotated[Real, Field(ge=0, lt=1)]
Precision = Literal["fp32", "amp"]


class Section(BaseModel):
    """A group of keys: immutable, no unknown keys, no NaN or infinity."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True
    )


class Backbone(Section):
    """The CLIP below the method."""

    name: str = Field(
        default="ViT-B-16-quickgelu", description="open_clip model name, or shapes-tiny"
    )
    pretrained: Annotated[str | None, BeforeValidator(_none)] = Field(
        default="openai", description="open_clip tag or weights file; null or none: random weights"
    )


class DataSource(Section):
    """Where videos come from and how they are read."""

    root: str | None = Field(default=None, description="folder of videos, or CSV path,label")
    size: Positive = Field(
        default=64, description="side of the clips of the embedded world, in pixels"
    )
    reader: Literal["pyav", "decord", "torchcodec"] = Field(
        default="pyav", description="video decoder"
    )
    on_bad_video: Literal["fail", "skip", "salvage"] = Field(
        default="fail",
        description="a video that cannot be read: stop, leave it out, or use what decodes",
    )
    workers: Annotated[Integer, Field(ge=0)] = Field(
        default=2, description="processes that decode; 0: the main one (never changes results)"
    )
    limit: Positive | None = Field(
        default=None,
        description="at most so many videos per split, for debugging; such runs enter no table",
    )


class Views(Section):
    """What of a video the method sees."""

    frames: Positive = Field(default=8, description="frames per clip")
    clips: Positive = Field(default=1, description="temporal clips per video in evaluation")
    crops: Annotated[Literal[1, 3], BeforeValidator(_choice)] = Field(
        default=1, description="spatial crops per clip in evaluation"
    )
    merge: Literal["scores", "features"] = Field(
        default="scores",
        description="views are merged as the mean of softmax scores, or of features",
    )


class Preprocessing(Section):
    """From frames to the input of the method, in evaluation."""

    size: Positive | None = Field(
        default=None, description="side of the input, in pixels; null: the backbone's input size"
    )
    resize: Positive | None = Field(
        default=None, description="shorter side before the crop, in pixels; null: as `size`"
    )
    interpolation: Literal["bilinear", "bicubic"] = Field(
        default="bicubic", description="how frames are resized"
    )
    normalise: Literal["clip", "imagenet"] = Field(
        default="clip", description="pixel mean and deviation: CLIP's or ImageNet's"
    )

    @field_validator("resize")
    @classmethod
    def _covers(cls, value: int | None, info: ValidationInfo) -> int | None:
        size = info.data.get("size")
        if value is not None and size is not None and value < size:
            raise ValueError(f"{value} is smaller than preprocess.size {size}")
        return value


class Augment(Section):
    """Random changes of a training clip; one draw for all frames of a clip."""

    multiscale: list[Annotated[Real, Field(gt=0, le=1)]] = Field(
        default=[1, 0.875, 0.75, 0.66],
        description="sides of the random crop, as shares of the shorter side; []: as in evaluation",
    )
    flip: Share = Field(default=0.5, description="probability of a mirrored clip")
    jitter: Share = Field(default=0.8, description="probability of colour jitter")
    grey: Share = Field(default=0.2, description="probability of a clip without colour")
    brightness: NonNegative = Field(default=0.4, description="jitter: largest relative change")
    contrast: NonNegative = Field(default=0.4, description="jitter: largest relative change")
    saturation: NonNegative = Field(default=0.2, description="jitter: largest relative change")
    hue: Annotated[Real, Field(ge=0, le=0.5)] = Field(
        default=0.1, description="jitter: largest turn of the colour circle, in turns"
    )
    jitter_per_frame: Flag = Field(
        default=False, description="draw the jitter anew for every frame, as ViFi-CLIP's code does"
    )


class Train(Section):
    """The training recipe; unused where method or protocol train nothing."""

    epochs: Positive = Field(default=10, description="passes over the training list")
    batch_size: Positive = Field(
        default=64, description="videos per optimiser step, all devices together"
    )
    micro_batch: Positive | None = Field(
        default=None, description="videos per forward pass, divides batch_size; null: batch_size"
    )
    lr: Annotated[Real, Field(gt=0)] = Field(
        default=5e-6, description="peak learning rate of AdamW"
    )
    lr_factors: dict[str, NonNegative] = Field(
        default={},
        description="shell pattern of parameter names -> factor on lr; first match counts",
    )
    weight_decay: NonNegative = Field(default=0.001, description="weight decay of AdamW")
    betas: tuple[Decay, Decay] = Field(default=(0.9, 0.98), description="moment decay of AdamW")
    eps: Annotated[Real, Field(gt=0)] = Field(default=1e-8, description="denominator term of AdamW")
    warmup_epochs: NonNegative = Field(default=0, description="epochs of rising learning rate")
    schedule: Literal["cosine", "vifi", "constant"] = Field(
        default="cosine",
        description="learning rate after warm-up; vifi: as the authors' code counts",
    )
    min_lr_ratio: Share = Field(default=0.01, description="last learning rate, as a share of lr")
    label_smoothing: Decay = Field(
        default=0.1, description="share of a target spread over all classes"
    )
    mixup: NonNegative = Field(default=0, description="MixUp alpha; 0: off")
    cutmix: NonNegative = Field(default=0, description="CutMix alpha; 0: off")
    grad_clip: Annotated[Real, Field(gt=0)] | None = Field(
        default=None, description="largest gradient norm; null: not clipped"
    )
    precision: Precision = Field(default="fp32", description="fp32, or mixed precision")
    sampling: Literal["segments"] = Field(
        default="segments",
        description="training frames: one at a random place of each equal segment",
    )
    checkpoint_every: Annotated[Real, Field(gt=0)] = Field(
        default=20, description="seconds between resumable checkpoints"
    )
    augment: Augment = Augment()

    @field_validator("micro_batch")
    @classmethod
    def _divides(cls, value: int | None, info: ValidationInfo) -> int | None:
        batch = info.data.get("batch_size")
        if value is not None and batch is not None and batch % value:
            raise ValueError(f"{value} does not divide train.batch_size {batch}")
        return value


class Evaluation(Section):
    """How features and scores are computed."""

    batch_size: Positive = Field(default=32, description="views per forward pass")
    precision: Precision = Field(default="fp32", description="fp32, or mixed precision")


class RunConfig(Section):
    """Everything that a run is told."""

    method: str = Field(description="id, see `bench list methods`")
    protocol: str = Field(description="id, see `bench list protocols`")
    options: dict[str, Any] = Field(default={}, description="options of the method")
    backbone: Backbone = Backbone()
    checkpoint: str | None = Field(
        default=None, description="a published or own checkpoint, put over the backbone's weights"
    )
    data: DataSource = DataSource()
    views: Views = Views()
    preprocess: Preprocessing = Preprocessing()
    prompts: list[str] = Field(
        default=["a photo of a {}."], description="templates; {} stands for the class name"
    )
    train: Train = Train()
    eval: Evaluation = Evaluation()
    seeds: list[Annotated[Integer, Field(ge=0)]] = Field(
        default=[1], description="one run for each"
    )

    @field_validator("prompts")
    @classmethod
    def _one_place(cls, value: list[str]) -> list[str]:
        if not value:
            raise ValueError("it needs at least one template such as 'a photo of a {}.'")
        bad = [t for t in value if t.count("{}") != 1 or set(t.replace("{}", "")) & set("{}")]
        if bad:
            raise ValueError(f"the template {bad[0]!r} must contain exactly one {{}}")
        return value

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, value: list[int]) -> list[int]:
        if not value:
            raise ValueError("it needs at least one seed")
        twice = sorted({s for s in value if value.count(s) > 1})
        if twice:
            raise ValueError(f"seed {twice[0]} is there twice")
        return value


_BY_DEFAULT: dict[type, Any] = {bool: Flag, int: Integer, float: Real, str: str, list: list}


def schema_for(options: Mapping[str, Option]) -> type[RunConfig]:
    """The schema with a method's own options, which have the types of their defaults."""
    fields: dict[str, Any] = {
        name: (_BY_DEFAULT.get(type(o.default), Any), Field(default=o.default, description=o.help))
        for name, o in options.items()
    }
    own = create_model("Options", __base__=Section, **fields)
    whole: dict[str, Any] = {"options": (own, own())}
    return create_model("RunConfig", __base__=RunConfig, **whole)


def leaves(model: type[BaseModel] = RunConfig, prefix: str = "") -> dict[str, FieldInfo]:
    """Dotted key -> field, for every key that holds a value."""
    found: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= leaves(kind, f"{prefix}{name}.")
        else:
            found[prefix + name] = field
    return found


def wanted(field: FieldInfo) -> str:
    """What a field takes, in words: "a number greater than 0"."""
    return _words(field.annotation, field.metadata)


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
_BOUNDS = {"gt": "greater than", "ge": "of at least", "lt": "less than", "le": "of at most"}


def _words(kind: Any, metadata: list[Any]) -> str:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        own = [m for a in args[1:] for m in (a.metadata if isinstance(a, FieldInfo) else [a])]
        return _words(args[0], own + metadata)
    if origin in (Union, UnionType):
        return " or ".join("null" if a is type(None) else _words(a, metadata) for a in args)
    if origin is Literal:
        return ("one of " if len(args) > 1 else "") + ", ".join(map(str, args))
    if origin is list:
        return f"a list, each {_words(args[0], [])}"
    if origin is tuple:
        return f"a list of {len(args)}, each {_words(args[0], [])}"
    bounds = [
        f"{words} {getattr(m, name):g}"
        for name, words in _BOUNDS.items()
        for m in metadata
        if getattr(m, name, None) is not None
    ]
    noun = _KINDS.get(kind, "a list" if kind is list else "a value")
    return " ".join([noun, " and ".join(bounds).replace("and of", "and")]).strip()
