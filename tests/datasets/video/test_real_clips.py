"""Real clips through the evaluation transform of each paper, as a run reads them.

What is expected is written here a second time from the specification: a plain decoding of the whole
file, the index rules, and the pixels by OpenCV, PyTorch and torchvision themselves.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from open_clip import get_model_config
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as vision
from vclipbench.bench.config.resolve import resolve_config
from vclipbench.bench.config.schema import RunConfig
from vclipbench.bench.plan.plan import preprocessing
from vclipbench.bench.score.reading import EvalViews
from vclipbench.datasets.video.transforms import Preprocess
from vclipbench.protocols.split import Sample

CLIPS = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "clips"
NO_CLIPS = "the test clips ../shared/data/clips are absent"
real = pytest.mark.skipif(not CLIPS.is_dir(), reason=NO_CLIPS)

SIDE = 224
# on a scale from 0 to 255, as ViFi-CLIP's configuration has it
IMAGENET = np.float32((123.675, 116.28, 103.53)), np.float32((58.395, 57.12, 57.375))
# on a scale from 0 to 1, of the release of CLIP
CLIP = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

NO_FRAMES = {
    "derived/zero_bytes.mp4",
    "derived/text_not_video.mp4",
    "derived/truncated_moov_missing.mp4",
    "torchcodec_audio_only.mp3",
}
# read with --on-bad-video salvage; file -> frames that can be decoded
DAMAGED = {
    "decord_corrupted.mp4": 49,
    "derived/truncated_faststart.mp4": 15,
    "derived/truncated_pancake.mkv": 140,
}
# clips.csv describes the smaller one of its two video streams
LARGER_STREAM = {"torchcodec_nasa_13013.mp4": 390}


# ---- the file: every frame, one after the other ----


@dataclass
class Film:
    """A file as a plain walk over it finds it.

    Attributes:
        frames: decoded, in order. rate: per second. duration: of the stream, in its ticks, or None.
        times: presentation time of each frame, in ticks, increasing. pictures: converted so far.
    """

    path: Path
    frames: list[av.VideoFrame]
    rate: float
    duration: int | None
    times: list[float]
    pictures: dict[int, np.ndarray] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.frames)

    def picture(self, index: int) -> np.ndarray:
        """uint8 [H, W, 3], upright."""
        if index not in self.pictures:
            self.pictures[index] = self._convert(index)
        return self.pictures[index]

    def _convert(self, index: int) -> np.ndarray:
        turns = {
            90: cv2.ROTATE_90_COUNTERCLOCKWISE,
            180: cv2.ROTATE_180,
            270: cv2.ROTATE_90_CLOCKWISE,
        }
        frame = self.frames[index]
        stored, turn = frame.to_ndarray(format="rgb24"), round(frame.rotation) % 360
        return cv2.rotate(stored, turns[turn]) if turn else stored


def walk(path: Path, skip_damage: bool) -> Film:
    with av.open(str(path)) as container:
        stream = max(container.streams.video, key=lambda s: s.width * s.height)
        frames: list[av.VideoFrame] = []
        stream.thread_type = "NONE"  # threads patch damage differently
        for packet in container.demux(stream):
            try:
                frames += packet.decode()
            except av.InvalidDataError:
                assert skip_damage, path
        count, duration = len(frames), stream.duration
        times = [float(frame.pts) for frame in frames if frame.pts is not None]
        if container.format.name == "avi":
            # AVI stores no presentation times. With B-frames FFmpeg guesses them wrong, from 1 on
            # and not in the order of the frames; the rule is meant for one frame a tick from 0 on.
            times = [float(i) for i in range(count)]
        assert len(times) == count
        assert times == sorted(times)
        return Film(path, frames, float(stream.average_rate), duration, times)


# ---- the indices: one row a clip ----


def segments(film: Film, frames: int, clips: int) -> list[list[int]]:
    """ViFi-CLIP: floor(i N/T + N/(2T)). Several clips: at (v + 1/2)/V of each segment."""
    part = Fraction(film.count, frames)
    return [
        [math.floor(i * part + Fraction(2 * v + 1, 2 * clips) * part) for i in range(frames)]
        for v in range(clips)
    ]


def by_seeking(film: Film, frames: int, clips: int) -> list[list[int]]:
    """Open-VCLIP with PyAV: the frames with times from start to end, and one more."""
    if film.duration is None:
        return by_torchvision(film, frames, clips)
    length, rate, rows = film.count, film.rate, []
    size = max(1, math.ceil(16 * (frames - 1) / 30 * rate))
    ticks = film.duration / length
    for v in range(clips):
        start = max(length - size, 0) * v / clips
        low, high = int(start * ticks), int((start + size - 1) * ticks)
        behind = [i for i in range(length) if film.times[i] >= low]
        kept = behind[: sum(film.times[i] <= high for i in behind) + 1]
        points = torch.linspace(0, 16 * frames / 30 * rate - 1, frames)
        rows.append([kept[0] + int(x) for x in points.clamp(0, len(kept) - 1)])
    return rows


def by_torchvision(film: Film, frames: int, clips: int) -> list[list[int]]:
    """Open-VCLIP with torchvision: spread over the whole video, three clips at 0, 1/2 and 1."""
    assert clips == 3
    span = 16 * frames / 30 * film.rate
    starts = [v * math.floor(max(film.count - span, 0) / 2) for v in range(clips)]
    points = [torch.linspace(start, start + span - 1, frames) for start in starts]
    return [[int(x) for x in row.clamp(0, film.count - 1)] for row in points]


def ends(film: Film, frames: int, clips: int) -> list[list[int]]:
    """CLIP-ViP: from the first to the last frame at equal distances, cut."""
    assert clips == 1
    step = (film.count - 1) / (frames - 1)
    return [[int(i * step) for i in range(frames - 1)] + [film.count - 1]]


# ---- the pixels: the crops of one picture, float32 [3, R, R] each ----


def by_opencv(picture: np.ndarray, short: int) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = short / min(height, width)
    size = int(width * scale + 0.5), int(height * scale + 0.5)
    return cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)


def imagenet(crop: np.ndarray) -> np.ndarray:
    mean, std = IMAGENET
    return ((crop.astype(np.float32) - mean) / std).transpose(2, 0, 1)


def vifi_centre(picture: np.ndarray) -> list[np.ndarray]:
    scaled = by_opencv(picture, 256)
    y, x = (scaled.shape[0] - SIDE) // 2, (scaled.shape[1] - SIDE) // 2
    return [imagenet(scaled[y : y + SIDE, x : x + SIDE])]


def vifi_three(picture: np.ndarray) -> list[np.ndarray]:
    """First, last and middle along the long side."""
    scaled = by_opencv(picture, SIDE)
    step = (max(scaled.shape[:2]) - SIDE) // 2
    if scaled.shape[0] == SIDE:
        return [imagenet(scaled[:, x : x + SIDE]) for x in (0, 2 * step, step)]
    return [imagenet(scaled[y : y + SIDE]) for y in (0, 2 * step, step)]


def unit(picture: np.ndarray) -> torch.Tensor:
    """float32 [3, H, W] from 0 to 1."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255


def open_vclip(picture: np.ndarray) -> list[np.ndarray]:
    """Normalised first; the crop's offset is rounded up."""
    height, width = picture.shape[:2]
    short = min(height, width)
    tall, wide = (
        SIDE if side == short else math.floor(side / short * SIDE) for side in (height, width)
    )
    floats = vision.normalize(unit(picture), *CLIP)[None]
    scaled = torch.nn.functional.interpolate(floats, (tall, wide), mode="bilinear")[0].numpy()
    y, x = math.ceil((tall - SIDE) / 2), math.ceil((wide - SIDE) / 2)
    return [scaled[:, y : y + SIDE, x : x + SIDE]]


def clip_vip(antialias: bool) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Both sides to R, then normalised."""

    def square(picture: np.ndarray) -> list[np.ndarray]:
        how = InterpolationMode.BICUBIC
        scaled = vision.resize(unit(picture), [SIDE, SIDE], how, antialias=antialias)
        return [vision.normalize(scaled, *CLIP).numpy()]

    return square


# ---- the evaluations of the papers ----


@dataclass(frozen=True)
class Paper:
    """An evaluation: a recipe of ours, and what the paper's code does."""

    method: str
    protocol: str
    frames: int
    clips: int
    crops: int
    indices: Callable[[Film, int, int], list[list[int]]]
    pixels: Callable[[np.ndarray], list[np.ndarray]]
    overrides: tuple[str, ...] = ()


ANTIALIAS = ("preprocess.pipeline=bicubic-square-antialias",)
PAPERS = {
    "vifi": Paper("vifi", "zs-ucf101", 32, 1, 1, segments, vifi_centre),
    "vifi-4x3": Paper("vifi", "full-k400", 16, 4, 3, segments, vifi_three),
    "open-vclip-ucf101": Paper("open-vclip", "zs-ucf101", 8, 3, 1, by_seeking, open_vclip),
    "open-vclip-hmdb51": Paper("open-vclip", "zs-hmdb51", 8, 3, 1, by_torchvision, open_vclip),
    "clip-vip": Paper("clip-vip", "ret-msrvtt", 12, 1, 1, ends, clip_vip(antialias=False)),
    "clip-vip-antialias": Paper(
        "clip-vip", "ret-msrvtt", 12, 1, 1, ends, clip_vip(antialias=True), ANTIALIAS
    ),
}


@cache
def settings(name: str, salvage: bool = False) -> tuple[RunConfig, Preprocess]:
    """What `bench run` would use, without building the network: only its input size is asked."""
    paper = PAPERS[name]
    overrides = (*paper.overrides, *(["data.on_bad_video=salvage"] if salvage else []))
    resolved = resolve_config(paper.method, paper.protocol, overrides=overrides)
    size = get_model_config(resolved.config.backbone.name)["vision_cfg"].get("image_size", 224)
    network: Any = SimpleNamespace(backbone=SimpleNamespace(image_size=size))
    return resolved.config, preprocessing(resolved, network)


def item(path: Path, name: str, salvage: bool = False) -> dict[str, Any]:
    config, preprocess = settings(name, salvage)
    found = EvalViews([Sample(path.name, path)], config, preprocess)[0]
    if "views" in found:
        found["views"] = preprocess.to_floats(found["views"])
    return found


def table() -> dict[str, dict[str, str]]:
    if not CLIPS.is_dir():
        return {}
    with open(CLIPS / "clips.csv", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def film(request: pytest.FixtureRequest) -> Film:
    file = request.param
    found = walk(CLIPS / file, skip_damage=file in DAMAGED)
    stated = int(table()[file]["frames_decodable"])
    assert found.count == (LARGER_STREAM | DAMAGED).get(file, stated), "the walk here is wrong"
    return found


READABLE = sorted(table().keys() - NO_FRAMES - DAMAGED.keys())
films = pytest.mark.parametrize("film", READABLE, indirect=True)
damaged = pytest.mark.parametrize("film", DAMAGED, indirect=True)
papers = pytest.mark.parametrize("name", PAPERS)


@real
@papers
@films
def test_a_clip_becomes_what_the_paper_sees(film: Film, name: str) -> None:
    check(film, name, item(film.path, name))


@real
@pytest.mark.parametrize("name", ["vifi", "clip-vip"])
@damaged
def test_what_is_saved_of_a_damaged_clip_is_sampled_as_a_shorter_one(film: Film, name: str) -> None:
    found = item(film.path, name, salvage=True)
    assert found["damaged"]
    check(film, name, found)


def check(film: Film, name: str, found: dict[str, Any]) -> None:
    """Frames and pixels of all views are those of the paper."""
    paper = PAPERS[name]
    rows = paper.indices(film, paper.frames, paper.clips)
    assert found["indices"] == [i for row in rows for i in row]
    views = found["views"].numpy()
    assert views.dtype == np.float32
    assert views.shape == (paper.crops * paper.clips, paper.frames, 3, SIDE, SIDE)
    crops = {i: paper.pixels(film.picture(i)) for row in rows for i in row}
    for view, frames in enumerate(views):  # all clips of the first crop, then of the next
        crop, clip = divmod(view, paper.clips)
        for seen, index in zip(frames, rows[clip], strict=True):
            same(seen, crops[index][crop], f"view {view}, frame {index}")


def same(seen: np.ndarray, expected: np.ndarray, where: str) -> None:
    """Equal; neighbouring levels of 8 bits lie 0.014 apart, so these are compared exactly."""
    assert np.abs(seen - expected).max() < 1e-5, where


# ---- the odd ones are there, and are odd in the way they should be ----


@real
@papers
def test_one_frame_is_every_frame(name: str) -> None:
    found = item(CLIPS / "derived/one_frame.mp4", name)
    assert set(found["indices"]) == {0}
    views = found["views"]
    assert (views == views[:, :1]).all()


THREE = {
    "vifi": [0] * 11 + [1] * 10 + [2] * 11,
    "vifi-4x3": [
        *([0] * 6 + [1] * 5 + [2] * 5),
        *([0] * 5 + [1] * 6 + [2] * 5) * 2,
        *([0] * 5 + [1] * 5 + [2] * 6),
    ],
    "open-vclip-ucf101": [0, *[2] * 7] * 3,
    "open-vclip-hmdb51": [0, *[2] * 7] * 3,
    "clip-vip": [0] * 6 + [1] * 5 + [2],
    "clip-vip-antialias": [0] * 6 + [1] * 5 + [2],
}


@real
@papers
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_three_frames_however_turned(name: str, turn: int) -> None:
    """By hand, and upright as another decoder has them."""
    path = CLIPS / f"decord_video_{turn}.mov"
    found = item(path, name)
    assert found["indices"] == THREE[name]
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    picture = cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)
    capture.release()
    assert picture.shape[:2] == ((568, 320) if turn in (90, 270) else (320, 568))
    crops = PAPERS[name].pixels(picture)
    for number, crop in enumerate(crops):
        same(found["views"][number * PAPERS[name].clips, 0].numpy(), crop, f"crop {number}")


@real
@papers
def test_grey_stays_grey(name: str) -> None:
    paper = PAPERS[name]
    views = item(CLIPS / "derived/gray.mp4", name)["views"]
    mean, std = (IMAGENET[0] / 255, IMAGENET[1] / 255) if paper.method == "vifi" else CLIP
    mean, std = (torch.tensor(v, dtype=torch.float32).view(3, 1, 1) for v in (mean, std))
    levels = views * std + mean
    assert (levels - levels[..., :1, :, :]).abs().max() < 1e-5
    assert levels.std() > 0.05


@real
@papers
@pytest.mark.parametrize("file", sorted(NO_FRAMES | DAMAGED.keys()))
def test_what_cannot_be_read_is_named(file: str, name: str) -> None:
    found = item(CLIPS / file, name)
    assert found.keys() == {"number", "error"}
    assert file.rpartition("/")[2] in found["error"]


# ---- the rules as written here give the examples of the specification ----


def film_of(count: int, rate: float, ticks: float | None) -> Film:
    duration = None if ticks is None else int(ticks * count)
    return Film(Path(), [None] * count, rate, duration, [i * (ticks or 1) for i in range(count)])


@pytest.mark.parametrize(
    ("rule", "film", "frames", "row", "clip", "clips"),
    [
        (segments, (100, 30, 1), 8, "6 18 31 43 56 68 81 93", 0, 1),
        (segments, (16, 30, 1), 4, "3 7 11 15", 3, 4),
        (by_seeking, (300, 30, 512), 8, "63 81 99 117 135 153 171 174", 1, 3),
        (by_seeking, (250, 25, 512), 8, "104 119 134 149 164 179 194 198", 2, 3),
        (by_seeking, (180, 25, 1), 8, "28 43 58 73 88 103 118 122", 1, 3),
        (by_seeking, (60, 30, 512), 8, "0 18 36 54 59 59 59 59", 2, 3),
        (by_seeking, (200, 30, None), 8, "36 54 72 90 108 126 144 163", 1, 3),
        (by_torchvision, (200, 30, 1), 8, "72 90 108 126 144 162 180 199", 2, 3),
        (by_torchvision, (90, 30, 1), 8, "0 18 36 54 72 89 89 89", 1, 3),
        (ends, (20, 30, 1), 4, "0 6 12 19", 0, 1),
    ],
)
def test_the_rules_give_the_examples(
    rule: Callable[[Film, int, int], list[list[int]]],
    film: tuple[int, float, float | None],
    frames: int,
    row: str,
    clip: int,
    clips: int,
) -> None:
    assert " ".join(map(str, rule(film_of(*film), frames, clips)[clip])) == row
