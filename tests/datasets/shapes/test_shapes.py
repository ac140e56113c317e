"""The Shapes world: what is in it, that it never changes, and that no label leaks."""

import hashlib
import re
from itertools import combinations

import numpy as np
import pytest
from vclipbench.datasets.shapes.render import pose, render
from vclipbench.datasets.shapes.splits import (
    CLASS_SPLITS,
    PER_CLASS,
    POOL,
    SCENE_SPLITS,
    SOURCE_PER_CLASS,
    SPLITS,
    classes,
    clip,
    few_shot,
    multilabel_names,
    size,
    triples,
)
from vclipbench.datasets.shapes.text import still_caption, vocabulary
from vclipbench.datasets.shapes.world import (
    BACKGROUNDS,
    COLOURS,
    FRAMES,
    MOTIONS,
    OPPOSITE,
    SHAPES,
    can,
    draw_scene,
    draw_thing,
    lots,
)

# sha256 of the frames at 64 pixels: who changes one of these must raise WORLD_VERSION
PINNED = {
    ("source", 0, 0): "1dade9c033b8a8132b64666812d92f5f8beb9993e928680b235093aa6a227a2b",
    ("base-train", 511, 0): "a66a0759056034cc287671524e84a5617d67137c3d5ca4d505e4b2e8a2813ef3",
    ("novel-val", 100, 1): "3447c35de5d9f897a8f39587dd2d79a531b4306fdd281b7ac12913838f786634",
    ("few-val", 321, 0): "90d28feb5d13c8536be0ebf13c192c366e54edbe393374f3ef99f48e2ebf7eb7",
    ("ret-test", 7, 0): "8e2475e89c943f475b20448e0f8177bb3261d349b678c363b0b12c26cc59e1b2",
    ("ml-train", 639, 2): "16cc02b7d3ffa1b878e06dd9a36efd1755e5fcb62288a900d6a1070ab586ef64",
}
CENTRES = [(2 * k + 1) * FRAMES // 16 for k in range(8)]
SETS = ("base", "novel", "few", "zs1", "zs2", "zs3")


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


@pytest.mark.parametrize(("split", "index", "seed"), PINNED)
def test_frames_are_the_same_on_every_machine(split: str, index: int, seed: int) -> None:
    frames = render(clip(split, index, seed).scene)
    assert frames.shape == (24, 64, 64, 3)
    assert hashlib.sha256(frames.tobytes()).hexdigest() == PINNED[split, index, seed]


def test_a_clip_depends_only_on_its_address() -> None:
    addresses = [(split, index) for split in SPLITS for index in (0, 5, 77)]
    forward = [clip(*address) for address in addresses]
    np.random.seed(1)  # the global generator plays no part
    backward = [clip(*address) for address in reversed(addresses)]
    assert forward == backward[::-1]
    assert clip("base-val", 3, seed=1) != clip("base-val", 3)


def test_one_frame_alone_equals_the_frame_in_the_clip() -> None:
    scene = clip("ml-test", 4).scene
    np.testing.assert_array_equal(render(scene, frames=[20, 3]), render(scene)[[20, 3]])


def test_the_world_is_rich_enough() -> None:
    assert len(SHAPES) >= 8
    assert len(COLOURS) == 8
    assert len(BACKGROUNDS) == 4
    assert len(MOTIONS) >= 12
    assert FRAMES == 24


@pytest.mark.parametrize("name", SETS)
def test_a_class_set_is_eight_nouns_in_three_motions(name: str) -> None:
    found = triples(name)
    assert len(set(found)) == len(found) == 24
    assert len({t[:2] for t in found}) == 8
    by_noun = [{t[2] for t in found if t[:2] == noun} for noun in {t[:2] for t in found}]
    assert all(len(motions) == 3 for motions in by_noun)
    # half of the nouns need the order of frames, the others do not
    opposed = [sum(OPPOSITE.get(m) in motions for m in motions) for motions in by_noun]
    assert sorted(opposed) == [0] * 4 + [2] * 4


def test_class_names_are_distinct() -> None:
    for split in CLASS_SPLITS:
        assert len(set(classes(split))) == len(classes(split))


@pytest.mark.parametrize("name", ["base", "few"])
def test_train_and_val_share_classes_but_no_clip(name: str) -> None:
    train, val = f"{name}-train", f"{name}-val"
    assert classes(train) == classes(val)
    scenes = {clip(train, n).scene for n in range(size(train))}
    assert len(scenes) == size(train)
    assert not scenes & {clip(val, n).scene for n in range(size(val))}


def test_no_class_stands_in_two_sets() -> None:
    for one, other in combinations((*SETS, "source"), 2):
        assert not set(triples(one)) & set(triples(other)), (one, other)


def test_source_shows_every_noun_and_motion() -> None:
    assert len({t[:2] for t in triples("source")}) == len(SHAPES) * len(COLOURS)
    assert {t[2] for t in triples("source")} == set(MOTIONS)


def test_no_circle_spins() -> None:
    assert not can("circle", "spinning clockwise")
    shown = [t for name in (*SETS, "source") for t in triples(name)]
    for split, number in SCENE_SPLITS.items():
        scenes = [clip(split, n).scene for n in range(number)]
        shown += [(t.colour, t.shape, t.motion) for s in scenes for t in (*s.things, *s.pebbles)]
    assert all(can(shape, motion) for _, shape, motion in shown)


@pytest.mark.parametrize("split", CLASS_SPLITS)
def test_labels_name_what_is_shown(split: str) -> None:
    per_class = {"source": SOURCE_PER_CLASS, "base-train": POOL, "few-train": POOL}
    clips = [clip(split, n) for n in range(size(split))]
    for c in clips[:200]:
        assert c.label is not None
        thing = c.scene.things[0]
        assert f"{thing.noun} {thing.motion}" == classes(split)[c.label]
    counts = np.bincount([-1 if c.label is None else c.label for c in clips])
    assert counts.tolist() == [per_class.get(split, PER_CLASS)] * len(classes(split))


def test_multilabel_halves_part_the_names() -> None:
    base, novel = set(multilabel_names("base")), set(multilabel_names("novel"))
    assert not base & novel
    assert base | novel == set(multilabel_names())
    assert set(multilabel_names()) <= {a for n in range(200) for a in clip("ml-test", n).attributes}


def test_a_clip_that_does_not_exist() -> None:
    with pytest.raises(IndexError, match="0 to 647"):
        clip("base-val", 648)
    with pytest.raises(KeyError):
        clip("nowhere", 0)


@pytest.mark.parametrize("motion", OPPOSITE)
def test_opposite_motions_mirror_each_other_in_time(motion: str) -> None:
    """With the same lots, one played backwards is the other: nothing but order tells them apart."""
    for n in range(20):
        there = draw_thing(lots(0, "mirror", n), "arrow", "red", motion)
        back = draw_thing(lots(0, "mirror", n), "arrow", "red", OPPOSITE[motion])
        for t in range(FRAMES):
            assert pose(there, t) == pytest.approx(pose(back, FRAMES - 1 - t), abs=1e-9)
        assert pose(there, 0) != pytest.approx(pose(there, 7), abs=1e-3)


@pytest.mark.parametrize("views", [8, 16, 24])
def test_segment_centres_are_symmetric(views: int) -> None:
    centres = {int(k * FRAMES / views + FRAMES / (2 * views)) for k in range(views)}
    assert len(centres) == views
    assert centres == {FRAMES - 1 - t for t in centres}


def _thumbnails(motion: str, start: int, count: int) -> np.ndarray:
    """Sampled frames in 8 x 8 pixels: float [count, 8 frames, 192]."""
    found = []
    for n in range(start, start + count):
        scene = draw_scene(lots(0, "leak", n), [("red", "star", motion)])
        frames = render(scene, frames=CENTRES).astype(float)
        found.append(frames.reshape(8, 8, 8, 8, 8, 3).mean((2, 4)).reshape(8, -1) / 255)
    return np.stack(found)


def _probe(features: np.ndarray, sign: np.ndarray) -> float:
    """Accuracy of ridge regression: fitted to the even clips, tried on the odd ones."""
    x = features - features[::2].mean(0)
    weights = np.linalg.solve(x[::2].T @ x[::2] + np.eye(x.shape[1]), x[::2].T @ sign[::2])
    return float((np.sign(x[1::2] @ weights) == sign[1::2]).mean())


def test_the_mean_of_the_frames_says_nothing_about_direction() -> None:
    clips = np.concatenate(
        [_thumbnails("moving left", 0, 200), _thumbnails("moving right", 200, 200)]
    )
    sign = np.repeat([1.0, -1.0], 200)
    bound = 0.5 + 3 * np.sqrt(0.25 / 200)
    assert _probe(clips.mean(1), sign) < bound
    assert _probe(clips[:, -1] - clips[:, 0], sign) > 0.9  # the probe can see, given the order


def test_captions_of_stills_do_not_speak_of_motion() -> None:
    # "left" and "right" may be places; a caption with any other word of a motion tells it
    telling = {w for motion in MOTIONS for w in words(motion)} - {"left", "right"} | {"video"}
    rng = np.random.RandomState(0)
    for split in ("source", "ret-train"):
        for n in range(300):
            scene = clip(split, n).scene
            for frame in (0, 11, 23):
                text = still_caption(scene, frame, rng)
                assert not words(text) & telling, text


def test_the_vocabulary_covers_every_text() -> None:
    known = {w for text in vocabulary() for w in words(text)}
    rng = np.random.RandomState(0)
    texts = [name for split in CLASS_SPLITS for name in classes(split)]
    texts += multilabel_names()
    for n in range(150):
        for split in ("ret-train", "few-train"):
            c = clip(split, n)
            texts += [c.caption, c.description, *c.attributes, still_caption(c.scene, n % 24, rng)]
    assert {w for text in texts for w in words(text)} <= known


def test_few_shot_lists_are_balanced_and_nested() -> None:
    lists = {shots: few_shot("few-train", shots, seed=3) for shots in (2, 4, 8, 16)}
    for shots, chosen in lists.items():
        assert len(set(chosen)) == len(chosen) == shots * 24
        assert np.bincount([n % 24 for n in chosen]).tolist() == [shots] * 24
        assert clip("few-train", chosen[0]).label == chosen[0] % 24
        assert max(chosen) < size("few-train")
    assert set(lists[2]) < set(lists[4]) < set(lists[8]) < set(lists[16])
    assert few_shot("few-train", 2, seed=4) != lists[2] == few_shot("few-train", 2, seed=3)
