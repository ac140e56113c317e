"""Evaluation: videos and texts become features once, scores are merged over views."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...datasets.video.sampling import sample_rng
from ...methods.base import called, devices_of, scores_of
from ...methods.outputs import checked_features, checked_scores
from ...protocols.split import Outcome
from ..errors import RunFailed
from ..plan.prompts import prompts_of, templates_of
from ..plugin_errors import at_work
from ..ranks import ALONE, Ranks
from .feature_rows import joined, on_cpu, rows
from .feature_store import Encoded, FeatureStore, text_key
from .reading import Reading

if TYPE_CHECKING:
    from ...datasets.video.transforms import Preprocess
    from ...methods.base import Features, Method
    from ...protocols.split import Sample, Split
    from ..config.schema import RunConfig

TEXTS_AT_ONCE = 256  # captions come by the ten thousand


@dataclass
class Scored:
    """Scores of the videos of a split that could be read, in the split's order.

    Attributes:
        split: as planned. samples: the N videos scored.
        scores: float32 [N, K], K classes, or the captions of these videos. cosines: the same as cosines.
        unreadable: id -> why; damaged: ids read only as far as they go.
        index_digest: SHA-256 over the frame indices read. seconds: decode and encode.
        short: ids of videos with fewer frames than a clip wants, so that frames are repeated.
        reused: videos whose features were found. probes: name -> scores [N, K] on changed frames.
    """

    split: Split
    samples: list[Sample]
    scores: NDArray[np.float32]
    cosines: NDArray[np.float32] | None
    unreadable: dict[str, str]
    damaged: list[str]
    index_digest: str
    seconds: dict[str, float] = field(default_factory=dict)
    reused: int = 0
    short: list[str] = field(default_factory=list)
    probes: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def ids(self) -> list[str]:
        """Names of the videos scored."""
        return [sample.id for sample in self.samples]

    @cached_property
    def outcome(self) -> Outcome:
        """What the protocol measures."""
        return Outcome(self.split, tuple(self.samples), self.scores, self.cosines)


@torch.inference_mode()
def class_features(
    method: Method,
    classes: Sequence[str],
    templates: Sequence[str],
    store: FeatureStore | None = None,
) -> Features:
    """Text features of K classes, averaged over the templates (`Method.encode_classes`).

    Each class is encoded once for a set of weights, where there is a store.

    Raises:
        OutputError: features that do not count the classes, or that the method cannot average.
    """
    distinct = list(dict.fromkeys(classes))
    keys = {name: text_key(prompts_of([name], templates), len(templates)) for name in distinct}
    stored = store.get(list(keys.values())) if store else {}
    features_of = {key: entry.features for key, entry in stored.items()}
    count_cut(method, sum(entry.indices[0] for entry in stored.values()))
    lacking = [name for name in distinct if keys[name] not in features_of]
    for start in range(0, len(lacking), TEXTS_AT_ONCE):
        some = lacking[start : start + TEXTS_AT_ONCE]
        features = _encoded(method, some, templates)
        fresh = {keys[name]: rows(features, n, n + 1) for n, name in enumerate(some)}
        if store:
            cut = {keys[name]: texts_cut(method, prompts_of([name], templates)) for name in some}
            store.put({key: Encoded(on_cpu(part), [cut[key]]) for key, part in fresh.items()})
        features_of |= fresh
    try:
        return joined([features_of[keys[name]] for name in classes], method.device)
    except RuntimeError:  # features of tokens, which are as long as the longest text beside them
        return _encoded(method, classes, templates)


def _encoded(method: Method, classes: Sequence[str], templates: Sequence[str]) -> Features:
    """Text features of K classes, [K, ...]."""
    with at_work(method, "encode_text"):
        features = method.encode_classes(prompts_of(classes, templates), len(templates))
    what = f"text features of {called(method)}"
    return checked_features(features, what, len(classes), "texts", devices_of(method))


def texts_cut(method: Method, texts: Sequence[str]) -> int:
    """How many texts are longer than the context of the method's CLIP; counted apart."""
    backbone = getattr(method, "backbone", None)
    if backbone is None:
        return 0
    before = backbone.truncated
    backbone.tokenize(texts)
    number, backbone.truncated = backbone.truncated - before, before
    return int(number)


def count_cut(method: Method, number: int) -> None:
    """Count texts that were cut when their features, now found, were made."""
    if number:
        method.backbone.truncated += number


def _autocast(config: RunConfig, device: torch.device) -> torch.autocast:
    half = config.eval.precision == "amp" and device.type == "cuda"
    kind = torch.float16 if half else torch.bfloat16
    return torch.autocast(device.type, kind, enabled=config.eval.precision != "fp32")


def view_scores(
    method: Method,
    video: Features,
    text: Features,
    size: tuple[int, int],
    views: int = 1,
    merge: str = "scores",
    noun: str = "classes",
) -> Tensor:
    """Scores [B, K] of B videos whose features count B * views rows, merged by the rule.

    Args:
        size: (B, K). noun: what the K texts are, for messages.

    Raises:
        OutputError: features or scores of other shapes. RunFailed: features that cannot be merged.
    """
    (videos, texts), nouns = size, ("videos" if views == 1 else "clips", noun)
    if merge == "features" and views > 1:
        what = f"video features of {called(method)}"
        checked_features(video, what, videos * views, "clips", devices_of(method))
        if not isinstance(video, Tensor) or video.ndim != 2:
            raise RunFailed("views.merge=features needs one feature row a view; use scores")
        video = video.view(-1, views, video.shape[-1]).mean(1)
        return scores_of(method, video, text, videos, texts, ("videos", noun)).float()
    scores = scores_of(method, video, text, videos * views, texts, nouns).float()
    if views == 1:
        return scores
    by_view = scores.view(-1, views, texts)
    return by_view.mean(1) if merge == "logits" else by_view.softmax(-1).mean(1)


@torch.no_grad()
def patch(method: Method, ratio: float) -> None:
    """Interpolate with the original CLIP, whose share is `ratio` (Open-VCLIP, patching), in place."""
    original = method.original()
    for name, parameter in method.named_parameters():
        if name in original:
            parameter.copy_(ratio * original[name] + (1 - ratio) * parameter)


def probe_frames(clips: Tensor, probe: str | None) -> dict[str, Tensor]:
    """Clips [B, T, 3, H, W] as they are under "", and as a probe changes them under its names.

    The probe "time": frames reversed, in one fixed random order, and all equal to the middle one. What
    the accuracy loses tells what a method uses of time.
    """
    if probe is None:
        return {"": clips}
    length = clips.shape[1]
    order = torch.from_numpy(sample_rng(0, "probe", length).permutation(length))
    middle = clips[:, length // 2 : length // 2 + 1].expand_as(clips)
    return {"": clips, "reversed": clips.flip(1), "shuffled": clips[:, order], "frozen": middle}


@dataclass
class _ScoreTable:
    """Scores of a split while it is being scored, row by row, in whatever order."""

    method: Method
    text: Features
    views: int
    merge: str
    size: tuple[int, int]
    noun: str
    parts: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def fill(self, name: str, places: Sequence[int], video: Features, ids: Sequence[str]) -> None:
        """Score videos whose features count `views` rows each; `places`: their rows."""
        size = len(places), self.size[1]
        with at_work(self.method, "scores", ids):
            merged = view_scores(
                self.method, video, self.text, size, self.views, self.merge, self.noun
            )
        self._part(name)[list(places)] = merged.cpu().numpy()

    def take(self, places: Sequence[int], rows: dict[str, NDArray[np.float32]]) -> None:
        """Put in the rows of another process."""
        for name, part in rows.items():
            self._part(name)[list(places)] = part

    def _part(self, name: str) -> NDArray[np.float32]:
        return self.parts.setdefault(name, np.full(self.size, np.nan, np.float32))


@torch.inference_mode()
def evaluate_split(
    method: Method,
    split: Split,
    config: RunConfig,
    preprocess: Preprocess,
    device: torch.device,
    progress: Callable[[int], None],
    store: FeatureStore | None = None,
    ranks: Ranks = ALONE,
) -> Scored | None:
    """Score every video of a split that is there once, in order.

    Args:
        store: features that are known already, and where new ones go; not used with a probe.
        ranks: processes among which the videos are dealt out, by their places in the list, none twice.

    Returns:
        What the first process has of all of them; None in the others.

    Raises:
        RunFailed: a video cannot be read and `data.on_bad_video` is "fail"; scores that are not finite.
    """
    samples = list(split.present)
    views, kind = config.views.clips * config.views.crops, split.kind
    # a softmax over captions, or labels that exclude nothing, means nothing
    merge = "logits" if kind != "classes" and config.views.merge == "scores" else config.views.merge
    templates = templates_of(split, config.prompts)
    store = None if config.eval.probe else store
    texts = replace(split, samples=tuple(samples)).texts
    spent, clock = 0.0, time.perf_counter()
    with _autocast(config, device):
        text = class_features(method, texts, templates, store)
        table = _ScoreTable(method, text, views, merge, (len(samples), len(texts)), split.kind)
        own = range(ranks.rank, len(samples), ranks.size)
        reading = Reading(samples, config, preprocess, store, own)
        spent += time.perf_counter() - clock
        for places, known in reading.known():
            ids = [samples[place].id for place in places]
            table.fill("", places, joined([entry.features for entry in known], device), ids)
            progress(len(places))
        for places, items in reading.fresh(progress):
            clock = time.perf_counter()
            ids = [samples[place].id for place in places]
            pixels = torch.cat([item["views"] for item in items])
            clips = preprocess.to_floats(pixels.to(device, non_blocking=True))
            for name, frames in probe_frames(clips, config.eval.probe).items():
                with at_work(method, "encode_video", ids):
                    video = method.encode_video(frames)
                table.fill(name, places, video, ids)
                if store:
                    reading.keep(places, on_cpu(video))
            spent += time.perf_counter() - clock
    if ranks.size > 1:
        spent = _collect(ranks, own, table, reading, spent)
    if not ranks.first:
        return None
    seconds = {"decode": reading.seconds, "encode": spent}
    return _scored(split, samples, table, reading, seconds)


def _collect(ranks: Ranks, own: range, table: _ScoreTable, reading: Reading, spent: float) -> float:
    """Bring what all processes have scored and read to the first one; the longest time of all."""
    rows = {name: part[own.start :: ranks.size] for name, part in table.parts.items()}
    parts = ranks.collect((own, rows, reading.told(), spent))
    if not ranks.first:
        return spent
    for theirs, rows, _, _ in parts:
        table.take(theirs, rows)
    reading.take([told for _, _, told, _ in parts])
    return max(seconds for _, _, _, seconds in parts)


def _scored(
    split: Split,
    samples: list[Sample],
    table: _ScoreTable,
    reading: Reading,
    seconds: dict[str, float],
) -> Scored:
    """The rows of the videos that could be read; of captions, theirs only."""
    kept = [n for n in range(len(samples)) if n in reading.indices]
    chosen = [reading.known_by(n) for n in kept]
    columns = np.ones(table.size[1], bool)
    if split.kind == "captions":
        owner = np.repeat(np.arange(len(samples)), [len(s.captions) for s in samples])
        columns = np.isin(owner, kept)
    found = {name: part[kept][:, columns] for name, part in table.parts.items()}
    for part in found.values():  # those of the probes too
        require_finite(part, table.method, [sample.id for sample in chosen])
    scores = found.pop("", np.zeros((0, len(split.texts)), np.float32))
    cosines = _cosines(table.method, scores, table.noun)
    return Scored(
        split=split,
        samples=chosen,
        scores=scores,
        cosines=cosines,
        unreadable={samples[n].id: why for n, why in sorted(reading.unreadable.items())},
        damaged=[samples[n].id for n in sorted(reading.damaged)],
        index_digest=reading.index_digest(),
        seconds=seconds,
        reused=reading.reused,
        short=[samples[n].id for n in reading.short],
        probes=found,
    )


def _cosines(method: Method, scores: NDArray[np.float32], noun: str) -> NDArray[np.float32] | None:
    with at_work(method, "cosines"):
        cosines = method.cosines(torch.from_numpy(scores).to(method.device))
    if cosines is None:
        return None
    what = f"cosines of {called(method)}"
    checked = checked_scores(cosines, what, scores.shape, ("videos", noun), devices_of(method))
    return checked.float().cpu().numpy()


def require_finite(scores: NDArray[np.float32], method: Method, ids: Sequence[str]) -> None:
    """Refuse scores [N, K] of N videos with NaN or infinities.

    Raises:
        RunFailed: the method, and the videos.
    """
    bad = np.flatnonzero(~np.isfinite(scores).all(1))
    if len(bad):
        first = ", ".join(ids[n] for n in bad[:3]) + (", ..." if len(bad) > 3 else "")
        raise RunFailed(
            f"scores of {called(method)} are not finite for {len(bad)} of {len(ids)} videos: {first}"
        )


def flops_per_view(method: Method, frames: int, size: int) -> float | None:
    """Multiply-adds times two of `encode_video` for one view, counted by torch; None if it cannot."""
    from torch.utils.flop_counter import FlopCounterMode

    clip = torch.zeros(1, frames, 3, size, size, device=method.device)
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # the counter does not know the fused kernel
    try:
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            method.encode_video(clip)
        return float(counter.get_total_flops())
    except Exception:  # a plugin's own kernels may be unknown to the counter
        return None
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
