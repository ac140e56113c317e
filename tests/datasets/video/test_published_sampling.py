"""Frames as the authors' codes choose them: worked examples, stored outputs, real files."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from vclipbench.datasets.video import child as video_child
from vclipbench.datasets.video.read import read_clip
from vclipbench.datasets.video.sampling import (
    RULES,
    FrameSampler,
    Timing,
    frame_indices,
    segment_random,
    temporal_views,
)
from vclipbench.datasets.video.sampling import _linspace as linspace

PROTOCOL = Path(__file__).parents[2] / "data" / "golden" / "clip_vip" / "protocol"
MP4 = 512.0  # ticks of a frame

# (frames, rate, ticks) -> views 0, 1 and 2, measured with the authors' decoder
BY_PYAV = {
    (300, 30, MP4): (
        "0 18 36 54 72 90 108 112",
        "63 81 99 117 135 153 171 174",
        "126 144 162 180 198 216 234 237",
    ),
    (250, 25, MP4): (
        "0 15 30 45 60 75 90 94",
        "52 67 82 97 112 127 142 146",
        "104 119 134 149 164 179 194 198",
    ),
    (180, 25, 1.0): (
        "0 15 30 45 60 75 90 94",
        "28 43 58 73 88 103 118 122",
        "57 72 87 102 117 132 147 151",
    ),
    (90, 25, 1.0): ("0 15 30 45 60 75 89 89",) * 3,
    (60, 30, MP4): ("0 18 36 54 59 59 59 59",) * 3,
}
BY_TORCHVISION = {
    (200, 30): (
        "0 18 36 54 72 90 108 127",
        "36 54 72 90 108 126 144 163",
        "72 90 108 126 144 162 180 199",
    ),
    (90, 30): ("0 18 36 54 72 89 89 89",) * 3,
}


def rows(texts: tuple[str, ...]) -> list[list[int]]:
    return [[int(x) for x in text.split()] for text in texts]


@pytest.mark.parametrize("video", BY_PYAV)
def test_open_vclip_examples(video: tuple[int, float, float]) -> None:
    count, rate, ticks = video
    found = frame_indices("stride-pyav", count, 8, 3, timing=Timing(rate, ticks))
    assert found.dtype == np.int64
    assert found.tolist() == rows(BY_PYAV[video])


@pytest.mark.parametrize("video", BY_TORCHVISION)
def test_open_vclip_by_torchvision_examples(video: tuple[int, float]) -> None:
    count, rate = video
    expected = rows(BY_TORCHVISION[video])
    for rule, ticks in (("stride-torchvision", MP4), ("stride-pyav", None)):
        found = frame_indices(rule, count, 8, 3, timing=Timing(rate, ticks))
        assert found.tolist() == expected
    one = frame_indices("stride-pyav", count, 8, timing=Timing(rate, None))
    assert one.tolist() == [expected[1]], "a single clip lies in the middle"


def test_open_vclip_reads_what_the_authors_seek() -> None:
    """Against a walk over presentation times, as the decoder of the reference makes it."""
    for count, rate, ticks in (
        *((n, 29.97, t) for n in (1, 7, 113, 127, 300) for t in (1, 2, 3, 1001)),
        (301, 12.5, 7),
        (400, 60.0, 256),
        (100, 1.0, 90000),
    ):
        for frames in (1, 2, 8):
            size = max(1.0, np.ceil(16 * (frames - 1) / 30 * rate))
            for view in range(3):
                start = max(count - size, 0) * view / 3
                low, high = int(start * ticks), int((start + size - 1) * ticks)
                behind = [i for i in range(count) if i * ticks >= low]
                within = [i for i in behind if i * ticks <= high]
                inside = behind[: len(within) + 1]
                points = np.linspace(0, 16 * frames / 30 * rate - 1, frames)
                expected = inside[0] + np.clip(points, 0, len(inside) - 1).astype(int)
                found = frame_indices("stride-pyav", count, frames, 3, timing=Timing(rate, ticks))
                assert found[view].tolist() == expected.tolist(), (count, rate, ticks, view)


def test_linspace_is_torchs() -> None:
    """Whole numbers are the danger: 3 * 30.333334 is 91.00000 or 90.99999."""
    torch = pytest.importorskip("torch")
    for frames in (1, 2, 8, 12, 32):
        for rate in (*range(1, 121), 12.5, 30000 / 1001, 24000 / 1001, 29.9):
            for start in (0.0, 36.0, 101.0):
                end = start + 16 * frames / 30 * rate - 1
                theirs = torch.linspace(start, end, frames).numpy()
                assert (np.floor(theirs) == np.floor(linspace(start, end, frames))).all()


@pytest.mark.parametrize("rule", ["stride-pyav", "stride-torchvision"])
def test_open_vclip_training_starts_anywhere(rule: str) -> None:
    timing, rng = Timing(30.0, MP4), np.random.RandomState(0)
    starts = [int(frame_indices(rule, 150, 8, timing=timing, rng=rng)[0, 0]) for _ in range(600)]
    room = 150 - (112 if rule == "stride-pyav" else 128)
    highest = room if rule == "stride-pyav" else room - 1  # ceil against floor of a real number
    assert set(range(1, room)) <= set(starts)
    assert max(starts) <= highest
    short = frame_indices(rule, 60, 8, timing=timing, rng=rng)
    assert short.tolist() == frame_indices(rule, 60, 8, timing=timing).tolist()


def test_clip_vip_is_the_authors() -> None:
    case = json.loads((PROTOCOL / "case.json").read_text())
    stored = np.load(PROTOCOL / "expected.npz")
    for frames in case["num_frames"]:
        rng = np.random.RandomState(case["jitter_seed"])
        for n, count in enumerate(case["video_lengths"]):
            test = frame_indices("linspace", count, frames)
            assert test.tolist() == [stored[f"uniform/{frames}"][n].tolist()]
            train = frame_indices("linspace", count, frames, rng=rng)
            assert train.tolist() == [stored[f"jitter/{frames}"][n].tolist()]


def test_clip_vip_of_one_and_two_frames() -> None:
    rng = np.random.RandomState(0)
    assert frame_indices("linspace", 9, 1).tolist() == [[0]]
    assert frame_indices("linspace", 9, 1, rng=rng).tolist() == [[4]]
    for _ in range(50):
        two = frame_indices("linspace", 5, 2, rng=rng)
        assert 0 <= two.min() <= two.max() <= 4


def test_segments_are_the_rules_of_vifi() -> None:
    assert (frame_indices("segments", 97, 8, 3) == temporal_views(97, 8, 3)).all()
    found = frame_indices("segments", 97, 8, rng=np.random.RandomState(3))
    assert (found[0] == segment_random(97, 8, np.random.RandomState(3))).all()


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_stays_in_the_video(rule: str) -> None:
    rng = np.random.RandomState(0)
    for count in (1, 2, 3, 11, 112, 113, 500):
        for frames in (1, 2, 8, 32):
            for rate, ticks in ((0.5, 1.0), (25.0, MP4), (29.97, 1001.3), (60.0, None)):
                for draw in (None, rng):
                    clips = 1 if rule == "linspace" and draw is None else 3
                    timing = Timing(rate, ticks)
                    found = frame_indices(rule, count, frames, clips, timing=timing, rng=draw)
                    assert found.shape == (clips, frames)
                    assert found.dtype == np.int64
                    assert 0 <= found.min() <= found.max() < count


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: frame_indices("dense", 9, 8), "unknown sampling rule 'dense', known are segments"),
        (lambda: frame_indices("stride-pyav", 9, 8), "needs the timing"),
        (lambda: frame_indices("linspace", 9, 8, 3), "one clip in evaluation, not 3"),
        (lambda: frame_indices("linspace", 0, 8), "count must be"),
        (lambda: frame_indices("stride-pyav", 9, 0, timing=Timing(30, 1)), "frames must be"),
    ],
)
def test_bad_arguments_are_named(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


# ---- the timing reaches the sampler from real files, whichever reader decodes ----


def write(path: Path, frames: int, rate: Fraction, codec: str = "libx264") -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(frames):
            image = np.full((48, 64, 3), i % 200 + 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "rate", "codec", "expected"),
    [
        ("a.mp4", Fraction(25), "libx264", BY_PYAV[250, 25, MP4]),
        ("a.avi", Fraction(25), "mpeg4", BY_PYAV[180, 25, 1.0]),
        ("a.mkv", Fraction(30), "libx264", BY_TORCHVISION[200, 30]),
        ("short.mp4", Fraction(30), "libx264", BY_PYAV[60, 30, MP4]),
    ],
)
def test_a_file_tells_its_timing(
    tmp_path: Path, name: str, rate: Fraction, codec: str, expected: tuple[str, ...]
) -> None:
    count = {"a.mp4": 250, "a.avi": 180, "a.mkv": 200, "short.mp4": 60}[name]
    path = write(tmp_path / name, count, rate, codec)
    clip = read_clip(path, FrameSampler("stride-pyav", 8, 3))
    assert clip.indices.reshape(3, 8).tolist() == rows(expected)
    assert clip.frames.shape == (24, 48, 64, 3)


@pytest.mark.parametrize("reader", ["decord", "torchcodec"])
def test_other_readers_give_the_timing_too(tmp_path: Path, reader: str) -> None:
    pytest.importorskip(reader)
    path = write(tmp_path / "ntsc.mp4", 180, Fraction(30000, 1001))
    given: list[Timing] = []

    class First:
        wants_timing = True

        def __call__(self, count: int, timing: Timing) -> list[int]:
            given.append(timing)
            return [0]

    try:
        read_clip(path, First(), reader=reader)
        read_clip(path, First(), on_bad="salvage")
    finally:
        video_child.own_child().close()
    assert given[0] == given[1]
    assert given[0].rate == pytest.approx(30000 / 1001)
    assert given[0].ticks is not None
    assert given[0].ticks > 100


def test_a_plain_sampler_is_called_as_before(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", 20, Fraction(30))
    assert read_clip(path, lambda count: [count - 1]).indices.tolist() == [19]
    assert not FrameSampler("segments", 8).wants_timing
    assert read_clip(path, FrameSampler("linspace", 4)).indices.tolist() == [0, 6, 12, 19]
