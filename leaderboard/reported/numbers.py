"""The numbers that papers and repositories report, to stand beside what is measured here.

The numbers live in `reported/*.csv`, one file for each method's papers and repositories; the script
`scripts/write_reported.py` checks them and writes `reported.yaml`, which this module reads.
docs/reported.md says what the fields mean and how a number is added or corrected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from ...datasets.value_words import complaints

__all__ = [
    "FILE",
    "OURS",
    "SIGNS",
    "Reported",
    "ReportedFile",
    "ReportedSource",
    "load_reported",
    "load_sources",
    "one_sentence",
    "parse_reported",
    "reported_for",
]

FILE = Path(__file__).with_name("reported.yaml")

OURS = frozenset(
    {
        "clip",
        "clip-vip",
        "llm-multilabel",
        "open-vclip",
        "open-vclip++",
        "random",
        "vifi",
        "vifi-image",
        "vifi-prompt",
        "vifi-text",
    }
)
"""Method ids that stand for our own implementations; all other names are those of the papers.

A list of its own, because this folder knows records only; a test compares it with the methods.
"""

SIGNS = {"froster-readme": {"†": "(re-run)"}}
"""Source -> sign behind a method there -> what it means; tables have signs of their own."""

_COLUMN = re.compile(
    r"top1|top5|hm|map|gflops|(dsl_)?(t2v|v2t)_(r\d+|medr|mnr)"  # names of our metrics, and a cost
)
_SPLITS = {"b2n": ("base", "novel"), "fs": ("k2", "k4", "k8", "k16"), "full": ("",), "ret": ("",)}
_PER_SPLIT = ("top1", "top5")


def _matching(pattern: str, what: str) -> AfterValidator:
    """A validator: the whole text matches `pattern`, or a ValueError says what would be right."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not {what}")
        return text

    return AfterValidator(check)


Words = Annotated[
    StrictStr, _matching(r"\S+( \S+)*", "a text without blanks at its ends, or doubled")
]
Digits = Annotated[
    StrictStr, _matching(r"\d+(\.\d+)?", "a number as printed, such as '81.0', in quotes")
]
Slug = Annotated[StrictStr, _matching(r"[a-z0-9]+(-[a-z0-9]+)*", "an id, such as froster-readme")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReportedSource(_Model):
    """Where numbers were read."""

    short: Words = Field(description="A few words for a footnote")
    title: Words = Field(description="Of the paper, or what else it is")
    year: StrictInt | None = Field(default=None, ge=2015, le=2100, description="null: unknown")
    arxiv: Annotated[StrictStr, _matching(r"\d{4}\.\d{5}", "an arXiv id")] | None = None
    url: Annotated[StrictStr, _matching(r"https://\S+", "an https address")] | None = None


class Reported(_Model):
    """One number as it was printed. What its source does not say is None."""

    method: Words = Field(description="Our method id, or the paper's name of a method we lack")
    label: Words = Field(description="The row in the source's own words")
    protocol: Slug | None = Field(default=None, description="Our protocol id, if one fits")
    setting: Words | None = Field(default=None, description="Else: what was evaluated")
    column: Words = Field(description="Our metric name, or gflops")
    split: Slug | None = Field(default=None, description="mean, base, novel, k2, ...")
    value: Digits = Field(description="With all its printed digits")
    unit: Literal["%", "rank", "GFLOPs"] = Field(description="Of the value")
    std: Digits | None = Field(default=None, description="Printed behind the value")
    source: Slug = Field(description="An id of `sources`")
    table: Words | None = Field(default=None, description="Table, figure or section")
    evidence: Literal["stated", "quoted", "unverified"] = Field(
        description="Read in the source; read where `via` quotes it; not seen, only believed"
    )
    via: Words | None = Field(default=None, description="Where a quoted number was read")
    backbone: Words | None = Field(default=None, description="Such as ViT-B-16")
    frames: StrictInt | None = Field(default=None, ge=1, description="Of a view")
    views: Annotated[StrictStr, _matching(r"\d+x\d+", "clips x crops, such as 4x3")] | None = None
    prompts: Words | None = Field(default=None, description="Template, a count, or learned")
    selection: Literal["last", "val-best", "test-best", "none", "unknown"] = Field(
        description="Which weights were reported; none: nothing was trained"
    )
    match: Annotated[
        Words,
        _matching(r"exact|unknown(: \S.*)?|differs: \S.*", "exact, unknown: why or differs: what"),
    ] = Field(description="Whether it is what our protocol means")
    note: Words | None = None

    @property
    def number(self) -> float:
        """The value as a number, in `unit`."""
        return float(self.value)

    @property
    def ours(self) -> bool:
        """Whether the method is one of this package."""
        return self.method in OURS

    @property
    def shown_label(self) -> str:
        """The label with the source's signs in words."""
        label = self.label
        for sign, words in SIGNS.get(self.source, {}).items():
            label = label.replace(sign, words)
        return label

    @property
    def column_key(self) -> str:
        """What `column_key` gives for the leaderboard's column of this number."""
        return f"{self.column}:{self.split}" if self.split else self.column

    def of_backbone(self, name: str) -> bool:
        """Whether it was measured with that backbone, whatever its GELU: ViT-B/16 is ViT-B-16-quickgelu."""
        return self.backbone is not None and _plain(self.backbone) == _plain(name)

    @property
    def match_kind(self) -> str:
        """The first word of `match`: exact, differs or unknown."""
        return self.match.partition(":")[0]

    @property
    def key(self) -> tuple[Any, ...]:
        """What says which number it is; two numbers of one file never share it."""
        where = (self.protocol or "", self.setting or "", self.column, self.split or "")
        who = (self.method, self.label, self.backbone or "", self.frames or 0, self.views or "")
        return (*where, *who, self.source, self.table or "", self.via or "")

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        for problem in _problems(self):
            raise ValueError(problem)
        return self


def _plain(backbone: str) -> str:
    """Name of a backbone without what does not change its size."""
    return re.sub(r"[-_/ ]|quickgelu", "", backbone.lower())


def _problems(row: Reported) -> Iterable[str]:
    """A sentence for each contradiction between the fields of a number."""
    if not row.ours and row.method == row.method.lower():
        yield f"method {row.method!r} is no method id; a name from a paper keeps its capitals"
    if (row.protocol is None) == (row.setting is None):
        yield "exactly one of protocol and setting is given"
    if not _COLUMN.fullmatch(row.column):
        yield f"column {row.column!r} is no metric; top1, hm, t2v_r1, dsl_t2v_r1 or map would be"
    ranks = row.column.endswith(("medr", "mnr"))
    unit = "GFLOPs" if row.column == "gflops" else "rank" if ranks else "%"
    if row.unit != unit:
        yield f"unit {row.unit!r} is not that of {row.column}, which is {unit!r}"
    if row.unit == "%" and row.number > 100:
        yield f"value {row.value} is above 100 %"
    if row.unit == "rank" and row.number < 1:
        yield f"value {row.value} is no rank: the best rank is 1"
    if (row.evidence == "quoted") != (row.via is not None):
        yield "via says where a quoted number was read, and stands with evidence quoted only"
    family = (row.protocol or "").partition("-")[0]
    allowed = _SPLITS.get(family) if row.column in _PER_SPLIT else None
    if allowed is not None and (row.split or "") not in allowed:
        choice = " or ".join(repr(name) for name in allowed)
        yield f"split {row.split or ''!r} does not exist in {row.protocol}: {choice} would be right"
    if row.split and row.column not in (*_PER_SPLIT, "map"):
        yield f"{row.column} has no split, but {row.split!r} is given"


class ReportedFile(_Model):
    """The whole of `reported.yaml`."""

    version: Literal[1]
    sources: dict[Slug, ReportedSource]
    numbers: tuple[Reported, ...]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        seen: dict[tuple[Any, ...], Reported] = {}
        for number in self.numbers:
            where = f"{number.method}, {number.protocol or number.setting}, {number.column_key}"
            if number.source not in self.sources:
                raise ValueError(f"{where}: the source {number.source!r} is not among the sources")
            other = seen.setdefault(number.key, number)
            if other is not number:
                raise ValueError(
                    f"{where}: stands twice for one row of {number.source}, with the values "
                    f"{other.value} and {number.value}; label, source, table or via would "
                    "tell two numbers apart"
                )
        unused = sorted(set(self.sources) - {number.source for number in self.numbers})
        if unused:
            raise ValueError(f"no number has the source {unused[0]!r}")
        return self


def one_sentence(error: ValidationError, model: type[BaseModel] = Reported) -> str:
    """The first finding with the field it is about, in one line."""
    key, text = next(iter(complaints(error, model).items()))
    if text.endswith(" is not a text"):  # YAML takes 81.0 for a number
        text = text.replace(" is not a text", " is no text; put it in quotes")
    return f"{key}: {text}" if key else text


def parse_reported(content: object, name: str) -> ReportedFile:
    """Check what was read from a file called `name`; ValueError with one sentence if it is wrong."""
    try:
        return ReportedFile.model_validate(content)
    except ValidationError as error:
        raise ValueError(
            f"{name}: {_located(one_sentence(error, ReportedFile), content)}"
        ) from None


def _located(message: str, content: Any) -> str:
    """The complaint, with the method and protocol of the number it is about."""
    found = re.match(r"numbers\.(\d+)\.?", message)
    if found is None:
        return message
    row = content["numbers"][int(found[1])]
    words = [str(row.get(k)) for k in ("method", "protocol", "column", "split") if row.get(k)]
    return f"number {int(found[1]) + 1} ({', '.join(words)}): {message[found.end() :].strip(' :')}"


@lru_cache(maxsize=4)
def _load(path: Path, _stamp: tuple[int, int]) -> ReportedFile:
    loader = getattr(
        yaml, "CSafeLoader", yaml.SafeLoader
    )  # in C where libyaml is there: 10x faster
    try:
        content = yaml.load(path.read_text("utf-8"), loader)
    except UnicodeDecodeError:
        raise ValueError(f"{path.name}: not UTF-8 text") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path.name}: no YAML: {' '.join(str(error).split())}") from None
    return parse_reported(content, path.name)


def _read(path: Path | None) -> ReportedFile:
    path = path or FILE
    try:
        status = path.stat()
        return _load(path, (status.st_mtime_ns, status.st_size))
    except OSError as error:
        raise ValueError(f"cannot read the reported numbers in {path}: {error.strerror}") from None


def load_reported(path: Path | None = None) -> list[Reported]:
    """All reported numbers, those that nobody could look up (`unverified`) among them.

    `path` is another file than the package's own. Raises ValueError, in one sentence, where the
    file cannot be read, has an unknown key or a wrong value, or holds one number twice.
    """
    return list(_read(path).numbers)


def load_sources(path: Path | None = None) -> dict[str, ReportedSource]:
    """Id -> source of the numbers; raises as `load_reported`."""
    return dict(_read(path).sources)


def reported_for(
    protocol_id: str,
    key: str | None = None,
    *,
    method: str | None = None,
    path: Path | None = None,
    unverified: bool = False,
) -> list[Reported]:
    """The numbers of a protocol, sorted by method.

    Args:
        key: of one column only, as `column_key` has it. method: of one method only.
        unverified: also those that nobody could look up.
    """
    return [
        number
        for number in _read(path).numbers
        if number.protocol == protocol_id
        and key in (None, number.column_key)
        and method in (None, number.method)
        and (unverified or number.evidence != "unverified")
    ]
