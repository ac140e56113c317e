"""Frame indices against the worked examples of the ViFi-CLIP specification, and invariants."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from vclipbench.datasets.video.sampling import (
    sample_rng,
    segment_centres,
    segment_random,
    temporal_views,
)

EXAMPLES = {
    (100, 8): "6 18 31 43 56 68 81 93",
    (250, 16): "7 23 39 54 70 85 101 117 132 148 164 179 195 210 226 242",
    (40, 32): "0 1 3 4 5 6 8 9 10 11 13 14 15 16 18 19 20 21 23 24 25 26 28 29 30 31 33 34 35 36"
    " 38 39",
    (20, 32): "0 0 1 2 2 3 4 4 5 5 6 7 7 8 9 9 10 10 11 12 12 13 14 14 15 15 16 17 17 18 19 19",
}


@pytest.mark.parametrize(("count", "frames"), EXAMPLES)
def test_segment_centres_examples(count: int, frames: int) -> None:
    indices = segment_centres(count, frames)
    assert indices.dtype == np.int64
    assert indices.tolist() == [int(x) for x in EXAMPLES[count, frames].split()]


def test_segment_centres_exact_for_every_length() -> None:
    for frames in (1, 3, 7, 8, 12, 32):
        for count in (*range(1, 130), 10**9 + 7):
            exact = [
                floor(Fraction(i * count, frames) + Fraction(count, 2 * frames))
                for i in range(frames)
            ]
            assert segment_centres(count, frames).tolist() == exact


def test_segment_random_stays_in_its_segments() -> None:
    rng = np.random.RandomState(0)
    seen = np.array([segment_random(35, 8, rng) for _ in range(300)])
    assert seen.dtype == np.int64
    assert (seen // 4 == np.arange(8)).all()
    assert seen.max() == 31  # the tail 32 ... 34 is never drawn
    assert all(len(set(seen[:, i])) == 4 for i in range(8))
    assert segment_random(15, 8, rng).tolist() == list(range(8))  # T <= N < 2T


def test_segment_random_draws_as_the_reference() -> None:
    expected = np.arange(16) * 15 + np.random.RandomState(3).randint(15, size=16)
    assert segment_random(250, 16, np.random.RandomState(3)).tolist() == expected.tolist()


def test_segment_random_short_video() -> None:
    rng = np.random.RandomState(0)
    indices = segment_random(10, 32, rng)
    assert indices.tolist()[-4:] == [9, 9, 9, 0]
    for count, frames in ((10, 32), (20, 32), (31, 32), (3, 8), (1, 16), (7, 12)):
        expected = [round(Fraction(i * count, frames)) % count for i in range(frames)]
        assert segment_random(count, frames, rng).tolist() == expected
    assert rng.randint(2**31) == np.random.RandomState(0).randint(2**31), "no draw is used up"


def test_temporal_views() -> None:
    views = temporal_views(64, 8, 4)
    assert views.shape == (4, 8)
    assert views.dtype == np.int64
    assert views[:, 0].tolist() == [1, 3, 5, 7]
    for count, frames, clips in ((97, 8, 3), (5, 16, 4), (250, 16, 1)):
        exact = [
            [
                floor((i + Fraction(2 * v + 1, 2 * clips)) * Fraction(count, frames))
                for i in range(frames)
            ]
            for v in range(clips)
        ]
        views = temporal_views(count, frames, clips)
        assert views.tolist() == exact
        assert views.max() < count
    assert temporal_views(97, 8, 1)[0].tolist() == segment_centres(97, 8).tolist()


def test_sample_rng_depends_on_the_address_alone() -> None:
    def draw(*address: str | int) -> int:
        return int(sample_rng(*address).randint(2**31))  # type: ignore[arg-type]

    base = draw(1, "v_1.avi", 3, "frames")
    assert base == draw(1, "v_1.avi", 3, "frames")
    assert base == draw(np.int64(1), "v_1.avi", np.int32(3), "frames")  # type: ignore[arg-type]
    others = [
        draw(2, "v_1.avi", 3, "frames"),
        draw(1, "v_1.avi", 4, "frames"),
        draw(1, "v_1.avi", "3", "frames"),
        draw(1, "v_1.avi", 3, "crop"),
        draw(1, "v_1.avi3", "frames"),
    ]
    assert len({base, *others}) == 6
    # pinned: a change of this number changes every run ever recorded
    assert sample_rng(0, "a", 1).randint(2**31) == PINNED
    with pytest.raises(ValueError, match=r"0\.5"):
        sample_rng(0, 0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: segment_centres(0, 8), "count"),
        (lambda: segment_centres(8, 0), "frames"),
        (lambda: segment_random(0, 8, np.random.RandomState(0)), "count"),
        (lambda: segment_random(8, -1, np.random.RandomState(0)), "frames"),
        (lambda: temporal_views(8, 8, 0), "clips"),
        (lambda: segment_centres(8.0, 8), "count"),  # type: ignore[arg-type]
    ],
)
def test_bad_numbers_are_named(call, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1"):
        call()


PINNED = 961533600
