"""What a run can be told: every key with its type, default and meaning. Unknown keys are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from ...datasets.value_words import complaints
from ...methods.card import Option
from ...protocols.prompts import templates
from .fields import (
    Clips,
    Decay,
    Epochs,
    Even,
    Flag,
    Frames,
    Integer,
    NonNegative,
    OwnName,
    Pixels,
    Positive,
    Precision,
    Processes,
    Real,
    Section,
    Seed,
    Share,
    Videos,
    choice,
    none,
)


class BackboneSettings(Section):
    """The CLIP below the method."""

    name: str = Field(
        default="ViT-B-16-quickgelu", description="open_clip model name, or shapes-tiny"
    )
    pretrained: Annotated[str | None, BeforeValidator(none)] = Field(
        default="openai", description="open_clip tag or weights file; null or none: random weights"
    )


class DataSource(Section):
    """Where videos come from and how they are read."""

    root: str | None = Field(
        default=None,
        description="folder of videos, or CSV path,label; of published datasets: root, or folder of roots",
    )
    name: OwnName = Field(
        default=None, description="of own videos: their name in tables (NAME=DIR)"
    )
    roots: list[str] = Field(
        default=[], description="roots of several datasets, each ID=DIR (see bench list datasets)"
    )
    videos: Flag = Field(
        default=True, description="false: plan from the lists alone, without looking for videos"
    )
    class_names: Literal["official", "vifi-clip", "open-vclip"] = Field(
        default="official",
        description="names of the classes in prompts: official, or as a repository's label files have them",
    )
    allow_unpinned: Flag = Field(
        default=False, description="read annotation files of an unknown version too (recorded)"
    )
    train_list: str | None = Field(
        default=None,
        description="the large training list, <dataset>/<split> or a repository's; null: k400/train",
    )
    trained_on: list[str] = Field(
        default=[],
        description="datasets that the checkpoint was trained on, for the leak audit, e.g. [k400]",
    )
    size: Even = Field(
        default=64, description="side of the clips of the embedded world, in pixels, even"
    )
    reader: Literal["pyav", "decord", "torchcodec"] = Field(
        default="pyav", description="video decoder"
    )
    on_bad_video: Literal["fail", "skip", "salvage"] = Field(
        default="fail",
        description="a video that cannot be read: stop, leave it out, or use what decodes",
    )
    workers: Processes = Field(
        default=2, description="processes that decode; 0: the main one (never changes results)"
    )
    descriptions: str | None = Field(
        default=None, description="JSON-lines file of descriptions of the training videos"
    )
    limit: Positive | None = Field(
        default=None, description="at most so many videos per split; such runs enter no table"
    )


class ViewsSettings(Section):
    """What of a video the method sees."""

    frames: Frames = Field(default=8, description="frames per clip")
    clips: Clips = Field(default=1, description="temporal clips per video in evaluation")
    crops: Annotated[Literal[1, 3], BeforeValidator(choice)] = Field(
        default=1, description="spatial crops per clip in evaluation"
    )
    merge: Literal["scores", "logits", "features"] = Field(
        default="scores",
        description="views are merged as the mean of softmax scores, of scores as they are, or of features",
    )
    sampling: Literal["segments", "stride-pyav", "stride-torchvision", "linspace"] = Field(
        default="segments",
        description="frames of evaluation: middles of equal segments, or as an authors' code picks them",
    )


class Preprocessing(Section):
    """From frames to the input of the method, in evaluation."""

    size: Pixels | None = Field(
        default=None, description="side of the input, in pixels; null: the backbone's input size"
    )
    resize: Pixels | None = Field(
        default=None, description="shorter side before the crop, in pixels; null: as `size`"
    )
    interpolation: Literal["bilinear", "bicubic"] = Field(
        default="bicubic", description="how frames are resized"
    )
    normalise: Literal["clip", "imagenet"] = Field(
        default="clip", description="pixel mean and deviation: CLIP's or ImageNet's"
    )
    pipeline: Literal["opencv", "bilinear-float", "bicubic-square", "bicubic-square-antialias"] = (
        Field(
            default="opencv",
            description="resize and crop: the short side by OpenCV, or as an authors' code does it",
        )
    )

    @field_validator("resize")
    @classmethod
    def _covers(cls, value: int | None, info: ValidationInfo) -> int | None:
        size = info.data.get("size")
        if value is not None and size is not None and value < size:
            raise ValueError(f"{value} is smaller than preprocess.size {size}")
        return value


class AugmentSettings(Section):
    """Random changes of a training clip; one draw for all frames of a clip."""

    multiscale: list[Annotated[Real, Field(gt=0, le=1)]] = Field(
        default=[1, 0.875, 0.75, 0.66],
        description="sides of the random crop, as shares of the shorter side; []: as in evaluation",
    )
    short_side: list[Pixels] = Field(
        default=[],
        description="[least, most] pixels of a random shorter side and a random crop, not multiscale",
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
    arithmetic: Literal["float", "pil"] = Field(
        default="float", description="of the colours: in floats, or Pillow's of 8-bit images"
    )


class Train(Section):
    """The training recipe; unused where method or protocol train nothing."""

    epochs: Epochs = Field(default=10, description="passes over the training list")
    batch_size: Videos = Field(
        default=64, description="videos per optimiser step, all devices together"
    )
    micro_batch: Videos | None = Field(
        default=None,
        description="videos of a group, in which videos are mixed and contrasted; divides batch_size; "
        "null: batch_size",
    )
    last_batch: Literal["drop", "keep"] = Field(
        default="drop",
        description="an epoch's videos that fill no batch: dropped, or a smaller batch",
    )
    devices: Positive | None = Field(
        default=None,
        description="devices of the authors, if they count the learning rate in the micro-batches of one",
    )
    optimiser: Literal["adamw", "adamw-late-decay"] = Field(
        default="adamw",
        description="AdamW, or the variant in CLIP-ViP's code (decay after the step)",
    )
    lr: Annotated[Real, Field(gt=0)] = Field(
        default=5e-6, description="peak learning rate of AdamW"
    )
    lr_factors: dict[str, NonNegative] = Field(
        default={},
        description="shell pattern of parameter names -> factor on lr; first match counts",
    )
    weight_decay: NonNegative = Field(default=0.001, description="weight decay of AdamW")
    no_decay: list[str] = Field(
        default=[],
        description="shell patterns of parameter names without weight decay; 1d: all with one dimension",
    )
    betas: tuple[Decay, Decay] = Field(default=(0.9, 0.98), description="moment decay of AdamW")
    eps: Annotated[Real, Field(gt=0)] = Field(default=1e-8, description="denominator term of AdamW")
    warmup_epochs: NonNegative = Field(default=0, description="epochs of rising learning rate")
    warmup_share: Share | None = Field(
        default=None,
        description="steps of rising learning rate as a share of all, over warmup_epochs",
    )
    schedule: Literal[
        "cosine", "cosine-overlap", "cosine-floor", "cosine-zero", "linear", "constant"
    ] = Field(
        default="cosine",
        description="course of the learning rate; cosines with a second word follow an authors' code",
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
    precision: Precision = Field(
        default="fp32", description="fp32; amp: half precision with loss scaling, GPU only; bf16"
    )
    sampling: Literal["segments", "stride-pyav", "stride-torchvision", "linspace"] = Field(
        default="segments",
        description="training frames: one at a random place of each equal segment, or as an authors' code",
    )
    ensemble: Flag = Field(
        default=False, description="train against all templates averaged, not only the first one"
    )
    average_from: Epochs | None = Field(
        default=None,
        description="the result is the mean of the weights after this epoch and each later one; null: last",
    )
    checkpoint_every: Annotated[Real, Field(gt=0)] = Field(
        default=20, description="seconds between resumable checkpoints"
    )
    augment: AugmentSettings = AugmentSettings()

    @field_validator("micro_batch")
    @classmethod
    def _divides(cls, value: int | None, info: ValidationInfo) -> int | None:
        batch = info.data.get("batch_size")
        if value is not None and batch is not None and batch % value:
            raise ValueError(f"{value} does not divide train.batch_size {batch}")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Train:
        groups = self.batch_size // (self.micro_batch or self.batch_size)
        if self.last_batch == "keep" and groups > 1:
            raise ValueError("last_batch: keep needs one group a batch (train.micro_batch null)")
        return self


def _first(error: ValidationError) -> str:
    """The first finding about training settings: "lrr is no training setting"."""
    key, text = next(iter(complaints(error, Train).items()))
    hint = text.removeprefix("there is no such key")
    return f"{key}: {text}" if hint == text else f"{key} is no training setting{hint}"


def merged(train: Train, changes: Mapping[str, Any]) -> Train:
    """Training settings with some replaced; sections merge, everything else is replaced.

    Raises:
        pydantic.ValidationError: unknown keys or wrong values.
    """
    values = train.model_dump()
    for key, value in changes.items():
        section = (
            isinstance(values.get(key), dict) and key == "augment" and isinstance(value, Mapping)
        )
        values[key] = {**values[key], **value} if section else value
    return Train.model_validate(values)


class Evaluation(Section):
    """How features and scores are computed."""

    batch_size: Videos = Field(default=32, description="views per forward pass")
    precision: Precision = Field(default="fp32", description="fp32, or mixed: amp (fp16), bf16")
    patching: list[Share] = Field(
        default=[0.0],
        description="shares r of CLIP in the tested weights, r CLIP + (1 - r) trained; a run for each",
    )
    tie_rule: Literal["pessimistic", "expected", "reference"] = Field(
        default="pessimistic",
        description="retrieval: ties count against the query, as their mean rank, or as in CLIP4Clip",
    )
    cache: Flag = Field(
        default=True, description="keep features of videos in OUT/features and use those that fit"
    )
    probe: Annotated[Literal["time"] | None, BeforeValidator(none)] = Field(
        default=None,
        description="time: test also on reversed, shuffled and frozen frames; such runs enter no table",
    )

    @field_validator("patching")
    @classmethod
    def _some(cls, value: list[float]) -> list[float]:
        if not value or len(set(value)) < len(value):
            raise ValueError("it needs at least one ratio, each once")
        return value


class RunConfig(Section):
    """Everything that a run is told."""

    method: str = Field(description="id, see `bench list methods`")
    protocol: str = Field(description="id, see `bench list protocols`")
    options: dict[str, Any] = Field(default={}, description="options of the method")
    backbone: BackboneSettings = BackboneSettings()
    checkpoint: str | None = Field(
        default=None, description="a published or own checkpoint, put over the backbone's weights"
    )
    data: DataSource = DataSource()
    views: ViewsSettings = ViewsSettings()
    preprocess: Preprocessing = Preprocessing()
    prompts: Annotated[list[str], BeforeValidator(templates)] = Field(
        default=["a photo of a {}."],
        description="templates, {} stands for the class name; or the name of a set: vifi, bare, open-vclip",
    )
    train: Train = Train()
    stages: dict[str, dict[str, Any]] = Field(
        default={},
        description="settings of one stage by its name, over those of train: {prompt: {lr: 0.04}}",
    )
    eval: Evaluation = Evaluation()
    seeds: list[Seed] = Field(default=[1], description="one run for each")

    @field_validator("prompts")
    @classmethod
    def _one_place(cls, value: list[str]) -> list[str]:
        if not value:
            raise ValueError("it needs at least one template such as 'a photo of a {}.'")
        bad = [t for t in value if t.count("{}") != 1 or set(t.replace("{}", "")) & set("{}")]
        if bad:
            raise ValueError(f"the template {bad[0]!r} must contain exactly one {{}}")
        return value

    @field_validator("stages")
    @classmethod
    def _trainable(
        cls, value: dict[str, dict[str, Any]], info: ValidationInfo
    ) -> dict[str, dict[str, Any]]:
        for name, changes in value.items():
            if isinstance(base := info.data.get("train"), Train):
                try:
                    merged(base, changes)
                except ValidationError as error:
                    raise ValueError(f"{name}.{_first(error)}") from None
        return value

    def train_of(self, stage: str) -> Train:
        """The training settings of a stage: `train` with what `stages` says of it."""
        return merged(self.train, self.stages.get(stage, {}))

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


def _kind(option: Option) -> Any:
    kind = _BY_DEFAULT.get(type(option.default), Any)
    return Annotated[kind | None, BeforeValidator(none)] if option.nullable else kind


def schema_for(options: Mapping[str, Option]) -> type[RunConfig]:
    """The schema with a method's own options, which have the types of their defaults."""
    fields: dict[str, Any] = {
        name: (_kind(option), Field(default=option.default, description=option.help))
        for name, option in options.items()
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
