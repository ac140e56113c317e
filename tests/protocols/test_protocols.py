"""Plans of the protocols: counts, disjointness, digests."""

import importlib
from pathlib import Path

import pytest
from vclipbench.protocols import BUILTIN
from vclipbench.protocols.base import Protocol, ProtocolError
from vclipbench.protocols.split import Data, Sample, Split


def load(name):
    module, _, attribute = BUILTIN[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def test_ids_names_and_objects_agree():
    assert all(load(id).id == id for id in BUILTIN)
    modules = dict.fromkeys(target.partition(":")[0] for target in BUILTIN.values())
    found = {
        f"{module}:{name}"
        for module in modules
        for name, value in vars(importlib.import_module(module)).items()
        if isinstance(value, Protocol)
    }
    assert found == set(BUILTIN.values())


CLASSES = [n for n in BUILTIN if n.endswith("shapes") and n not in ("ret-shapes", "ml-shapes")]


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_shapes_plans(name, seed):
    protocol = load(name)
    for variant in protocol.variants:
        plan = protocol.plan(variant, seed, Data())
        train = {s.id for s in plan.train.samples}
        assert len(train) == len(plan.train.samples)
        for split in plan.evaluate:
            assert len(split.classes) == 24
            assert len(split.samples) == 648  # Wilson: within 4 points
            assert not train & {s.id for s in split.samples}
            assert {s.label for s in split.samples} == set(range(24))
        if plan.k_shot:
            counts = [s.label for s in plan.train.samples]
            assert all(counts.count(k) == plan.k_shot for k in range(24))


def test_shapes_clips_with_captions():
    plan = load("ret-shapes").plan("main", 1, Data())
    (test,) = plan.evaluate
    assert (test.kind, test.classes, len(test.samples), len(test.texts)) == (
        "captions",
        (),
        400,
        400,
    )
    assert (plan.train.kind, len(plan.train.samples)) == ("captions", 640)
    assert all(len(s.captions) == 1 for s in (*test.samples, *plan.train.samples))
    assert not {s.id for s in test.samples} & {s.id for s in plan.train.samples}


def test_shapes_clips_with_labels():
    plan = load("ml-shapes").plan("main", 1, Data())
    (test,) = plan.evaluate
    novel = {test.classes[n] for n in test.novel}
    assert (test.kind, len(test.classes), len(novel)) == ("labels", 30, 15)
    assert plan.train.classes == tuple(c for c in test.classes if c not in novel)
    assert all(s.labels for s in (*test.samples, *plan.train.samples))
    for split in (test, plan.train):
        shown = {n for s in split.samples for n in s.labels}
        assert shown == set(range(len(split.classes)))


def test_zero_shot_classes_are_unseen_and_base_and_novel_are_disjoint():
    zs = load("zs-shapes").plan("main", 1, Data())
    assert all(not set(zs.train.classes) & set(s.classes) for s in zs.evaluate)
    b2n = load("b2n-shapes").plan("main", 1, Data())
    base, novel = b2n.evaluate
    assert (base.name, novel.name) == ("base", "novel")
    assert b2n.train.classes == base.classes
    assert not set(base.classes) & set(novel.classes)


def test_seed_changes_the_training_list_and_not_the_digest():
    protocol = load("fs-shapes")
    lists = [protocol.plan("k4", seed, Data()).train.digest() for seed in (1, 2, 3)]
    assert len(set(lists)) == 3
    assert protocol.digest(Data()) == protocol.digest(Data())


def test_prompts_and_views_are_part_of_the_digest_and_frames_are_not():
    protocol = load("b2n-shapes")
    default = protocol.digest(Data())
    assert default == protocol.digest(
        Data(), ["a photo of a {}."], {"clips": 1, "crops": 1, "frames": 4}
    )
    assert default != protocol.digest(Data(), ["{}"])
    assert default != protocol.digest(Data(), None, {"clips": 2, "crops": 1})


def test_clips_of_another_size_are_other_videos():
    protocol = load("zs-shapes")
    assert protocol.digest(Data(size=64)) == protocol.digest(Data())
    assert protocol.digest(Data(size=96)) != protocol.digest(Data())


def test_texts_are_part_of_the_digest_of_a_list():
    plain = Split("all", ("a",), (Sample("1", Path("1.mp4"), 0),))
    told = [
        Split("all", ("a",), (Sample("1", Path("1.mp4"), 0, description=text),))
        for text in ("", "a cat", "a dog")
    ]
    assert plain.digest() == told[0].digest()
    assert len({split.digest() for split in told}) == 3


def test_folder_protocol(tmp_path):
    protocol = load("zs-folder")
    with pytest.raises(ProtocolError, match="needs --data"):
        protocol.plan("main", 1, Data())
    with pytest.raises(ProtocolError, match="nowhere"):
        protocol.plan("main", 1, Data(Path("nowhere")))
    for name in ("ride_bike/a.mp4", "ride_bike/b.avi", "wave/c.mkv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (split,) = protocol.plan("main", 1, Data(tmp_path)).evaluate
    assert split.classes == ("ride bike", "wave")
    assert [s.label for s in split.samples] == [0, 0, 1]
    (tmp_path / "ride bike").mkdir()
    (tmp_path / "ride bike" / "d.mp4").write_bytes(b"x")
    with pytest.raises(ProtocolError, match="same name 'ride bike'"):
        protocol.plan("main", 1, Data(tmp_path))
