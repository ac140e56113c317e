"""The blocks of the record beside the identity: what was observed, measured and spent.

Each field says where its value comes from.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from .identity import Block, Count, Digest, JsonDict, Name, Sha256

# of the configuration of a run
_SECTIONS = ("backbone", "data", "eval", "options", "preprocess", "stages", "train", "views")
NonNegative = Annotated[float, Field(ge=0)]


class PluginOrigin(Block):
    """Who brought the method."""

    package: str = Field(
        description="Distribution that registered the method; vclipbench: built in"
    )
    version: str | None = Field(description="Version of that distribution; null: a plugin file")
    entry_point: str | None = Field(description="Entry point it was found by, if by one")
    file_sha256: Sha256 | None = Field(description="Of the file given with --plugin, if one was")


class Observed(Block):
    """Facts about the work that only the run itself can know."""

    code_digest: Digest = Field(description="Of the method, protocol and preprocessing sources")
    plugin_origin: PluginOrigin = Field(description="From the registry")
    tensors_digest: Digest | None = Field(description="Of the weights as loaded; null: no weights")
    n_params: Count = Field(description="Parameters of the method, counted after building")
    trainable_params: Count = Field(description="Of these, trained in any stage")
    frame_index_digest: Digest | None = Field(description="Of the frame indices read in evaluation")
    effective_plan: JsonDict = Field(description="Steps, views, classes, ... as executed")


class SplitData(Block):
    """What of one evaluation split was there and was scored, and against what."""

    kind: Literal["classes", "labels", "captions"] = Field(
        default="classes", description="One class is right, any number of labels, or the captions"
    )
    classes: list[str] = Field(
        default=[], description="Names of classes or labels, in the order of the scores' columns"
    )
    novel: list[Count] = Field(
        default=[], description="Places in `classes` of the labels that are never trained"
    )
    n_expected: Count = Field(description="Items in the protocol's list of this split")
    n_found: Count = Field(description="Of these, present below the data root")
    n_unreadable: Count = Field(description="Of the found, those no frame could be read from")
    unreadable_ids: list[str] = Field(description="Their sample ids, sorted")
    n_scored: Count = Field(description="Items with a score; coverage is n_scored / n_expected")
    ids_digest: Digest = Field(description="Of the sorted sample ids that were scored")
    manifest_digest: Digest | None = Field(description="Of the dataset's manifest, if it has one")
    train_test_overlap: Count | None = Field(
        description="Scored ids also trained on; null: unknown"
    )

    @model_validator(mode="after")
    def _novel_are_there(self) -> SplitData:
        if any(place >= len(self.classes) for place in self.novel):
            raise ValueError(f"novel names a place beyond the {len(self.classes)} classes")
        return self

    @model_validator(mode="after")
    def _counts_agree(self) -> SplitData:
        if self.n_unreadable != len(self.unreadable_ids):
            raise ValueError(f"n_unreadable {self.n_unreadable} but {len(self.unreadable_ids)} ids")
        if not self.n_scored + self.n_unreadable <= self.n_found <= self.n_expected:
            raise ValueError(
                "counts disagree: scored + unreadable <= found <= expected is violated"
            )
        return self


class Exposure(Block):
    """What the weights saw before they were evaluated."""

    training_data: dict[str, list[str]] = Field(description="Stage -> dataset ids, as declared")
    class_overlap: list[str] | None = Field(
        description="Classes meant to be unseen that the declared data holds; null: unknown"
    )
    declared: Literal["full", "partial", "unknown"] = Field(
        description="How much of the training data the method and checkpoint declare"
    )
    audits: list[JsonDict] = Field(
        default=[],
        description="Classes and videos of the evaluation found in each training list (bench audit)",
    )


class MetricRef(Block):
    """Points at one entry of `metrics`."""

    name: str = Field(description="Its name")
    split: Name | None = Field(description="Its split; null: over all splits")


class MetricBlock(Block):
    """One number. Values with the unit % lie in 0..100."""

    name: str = Field(description="Metric name, such as top1, hm, top1_mean, from the metric set")
    value: float = Field(description="Unrounded")
    unit: str = Field(description="%, rank, ...; empty: a plain number")
    higher_is_better: bool = Field(description="From the metric set")
    n: Count | None = Field(description="Items behind the value")
    stderr: NonNegative | None = Field(description="Standard error over items, in the unit")
    ci_low: float | None = Field(description="Lower end of the interval over items")
    ci_high: float | None = Field(description="Upper end of the interval over items")
    ci_method: str | None = Field(description="wilson, bootstrap-items, bootstrap-groups, ...")
    level: float | None = Field(gt=0, lt=1, description="Confidence level of the interval: 0.95")
    split: Name | None = Field(description="Evaluation split; null: over all splits")
    no_interval: str | None = Field(
        default=None, min_length=1, description="Why it has no interval; stands there only if so"
    )

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Records from before `no_interval`, and metrics with an interval, keep their bytes."""
        content: dict[str, Any] = handler(self)
        return {k: v for k, v in content.items() if v is not None or k != "no_interval"}

    @model_validator(mode="after")
    def _interval_holds(self) -> MetricBlock:
        given = [self.ci_low, self.ci_high, self.ci_method, self.level]
        if len({item is None for item in given}) > 1:
            raise ValueError(f"{self.name}: ci_low, ci_high, ci_method and level go together")
        if self.no_interval is not None and self.ci_method is not None:
            raise ValueError(f"{self.name}: it has an interval, and no_interval says why not")
        low, high = self.ci_low, self.ci_high
        if low is not None and high is not None and low > high:
            raise ValueError(f"{self.name}: ci_low {low} is above ci_high {high}")
        numbers = [x for x in (self.value, self.ci_low, self.ci_high) if x is not None]
        # a hair of slack above: a mean of hundreds may round upwards
        if self.unit == "%" and not all(0 <= x <= 100 + 1e-9 for x in numbers):
            raise ValueError(f"{self.name}: % values lie in 0..100, got {numbers}")
        if low is not None and high is not None and not low - 1e-9 <= self.value <= high + 1e-9:
            raise ValueError(
                f"{self.name}: value {self.value} lies outside its own interval {low} to {high}: "
                "one of them was edited"
            )
        return self


class Aggregate(Block):
    """Says which metrics a metric without a split was computed from; the value is in `metrics`."""

    name: str = Field(description="The metric with split null, such as hm")
    rule: str = Field(description="mean or harmonic-mean, from the protocol")
    parts: list[MetricRef] = Field(min_length=1, description="The metrics it was computed from")


class PredictionsFile(Block):
    """The per-sample predictions beside the record; what `save_predictions` returns."""

    file: Name = Field(description="File name in the run's folder")
    sha256: Sha256 = Field(description="Of the file")
    format: Literal["npz"] = Field(description="How to read it")
    n: Count = Field(description="Items, all splits together")
    keys: list[str] = Field(description="Arrays in it, <split>/<array>, sorted")
    compact: bool = Field(
        default=False,
        description="Ranks in place of scores (leaderboard/record/compact.py), as published",
    )


class Environment(Block):
    """Where it ran. No host name, no user name, no path; not part of the identity."""

    version: str = Field(description="Version of the installed vclipbench")
    git_commit: str | None = Field(description="Of the installed package; null: not from git")
    git_dirty: bool | None = Field(description="Uncommitted changes in it; null: not from git")
    diff_sha256: Sha256 | None = Field(description="Of `git diff HEAD` where it is dirty")
    python: str = Field(description="platform.python_version()")
    os: str = Field(description="System, release and machine type")
    packages: dict[str, str] = Field(description="Versions of torch, torchvision, av, numpy, ...")
    cpu: str = Field(default="", description="Name of the processor; empty: version 1 of records")
    cpu_threads: Count | None = Field(default=None, description="torch.get_num_threads()")
    cuda: str | None = Field(description="torch.version.cuda")
    cudnn: str | None = Field(description="torch.backends.cudnn.version()")
    driver: str | None = Field(description="GPU driver version")
    gpu_model: str | None = Field(description="torch.cuda.get_device_name; null: on CPU")
    gpu_count: Count = Field(description="GPUs used, all nodes together")
    nodes: Count = Field(description="Machines used")
    deterministic_algorithms: bool = Field(description="As torch had it during the run")
    tf32: dict[str, bool] = Field(description="TF32 switches: matmul, cudnn")
    attention_kernel: str | None = Field(description="Scaled dot product kernel that was forced")
    variables: dict[str, str] = Field(description="Environment variables, from an allow-list")


class Cost(Block):
    """What it took. Not part of the identity."""

    seconds: dict[str, NonNegative] = Field(description="Wall time of decode, encode, train, score")
    videos_per_s: NonNegative | None = Field(description="Evaluated videos per second of wall time")
    peak_memory_mb: NonNegative | None = Field(description="Largest device memory in use, in MiB")
    gpu_hours: NonNegative | None = Field(description="Wall hours times GPUs")
    flops_per_view: NonNegative | None = Field(description="Of encode_video for one clip and crop")


class KeyReport(Block):
    """Names of tensors, cut short."""

    count: Count = Field(description="How many")
    names: list[str] = Field(max_length=20, description="The first 20")


class LoadBlock(Block):
    """What loading the checkpoint left over."""

    missing_keys: KeyReport = Field(description="In the module, not in the file")
    unexpected_keys: KeyReport = Field(description="In the file, not in the module")
    shape_mismatch: KeyReport = Field(description="In both, with different shapes")


class Command(Block):
    """How to run it again."""

    argv: list[str] = Field(description="Command line; paths relative")
    config_resolved: JsonDict = Field(description="The config after all layers were merged")
    config_sources: dict[str, str] = Field(description="Dotted key -> the layer that set it")

    @model_validator(mode="after")
    def _sections_are_mappings(self) -> Command:
        wrong = [
            name for name in _SECTIONS if not isinstance(self.config_resolved.get(name, {}), dict)
        ]
        if wrong:
            raise ValueError(
                f"config_resolved.{wrong[0]} is no section: keys and values are wanted"
            )
        return self


class ErrorInfo(Block):
    """Why a run failed."""

    type: str = Field(description="Class of the exception")
    message: str = Field(description="Its text, without paths of the machine")
    phase: str = Field(description="What was being done: decode, train, ...")
