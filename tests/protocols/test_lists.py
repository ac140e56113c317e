"""Lists of the published protocols: clean twins, class names, digests, draws, and lists that are wrong."""

import json

import pytest
from annotation_roots import ANNOTATIONS, link_roots
from published import ids, lists_of, of, plan, protocol, whole_root
from vclipbench.datasets.roots import Roots
from vclipbench.protocols.base import ProtocolError
from vclipbench.protocols.lists import VideoList, forget, named_list, read_list
from vclipbench.protocols.split import Data

real = pytest.mark.skipif(
    not ANNOTATIONS.is_dir(), reason="the annotation files ../shared/data/annotations are absent"
)
SIBLING = {
    "kick": "kick ball",
    "kick ball": "kick",
    "sword": "sword exercise",
    "sword exercise": "sword",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return whole_root(tmp_path_factory.getbasetemp())


# --- as published, and clean


@real
def test_clean_msrvtt_leaves_five_videos_out(root):
    (full,), (clean,) = (plan(id, root).evaluate for id in ("ret-msrvtt", "ret-msrvtt-clean"))
    assert len(full.texts) == 1000
    assert len(set(full.texts)) == len(set(clean.texts)) == len(clean.texts) == 995
    kept = ids(clean)
    assert [n for n, s in enumerate(full.samples) if s.id not in kept] == [582, 666, 803, 839, 945]


@real
def test_clean_didemo_has_longer_paragraphs_of_33_videos(root):
    (full,), (clean,) = (plan(id, root).evaluate for id in ("ret-didemo", "ret-didemo-clean"))
    assert [s.id for s in full.samples] == [s.id for s in clean.samples]
    pairs = zip(full.texts, clean.texts, strict=True)
    changed = [(a, b) for a, b in pairs if a != b]
    assert len(changed) == 33
    assert all(len(b) > len(a) for a, b in changed)
    assert "33 test videos" in protocol("ret-didemo-clean").clean


@real
def test_clean_k600_has_the_same_classes_and_more_videos(root):
    for listed, clean, other in zip(
        *(plan(id, root).evaluate for id in ("zs-k600", "zs-k600-clean", "zs-k600-test")),
        strict=True,
    ):
        assert listed.classes == clean.classes == other.classes
        assert ids(listed) < ids(clean)
        assert ids(other).isdisjoint(ids(clean))
        labels = {s.id: s.label for s in clean.samples}
        assert all(labels[s.id] == s.label for s in listed.samples)


@real
def test_the_larger_hmdb51_has_the_videos_that_split_1_leaves_out(root):
    (used,), (every,) = (plan(f"zs-hmdb51-{id}", root).evaluate for id in ("full", "all"))
    assert ids(used) < ids(every)
    assert len(ids(every) - ids(used)) == 1666
    assert used.classes == every.classes
    assert "1,666" in protocol("zs-hmdb51-all").clean


@real
def test_clean_k400_has_the_validation_videos_that_one_disk_lacked(root):
    (listed,), (clean,) = (plan(id, root).evaluate for id in ("full-k400", "full-k400-clean"))
    assert ids(listed) < ids(clean)
    assert len(ids(clean) - ids(listed)) == 29
    assert listed.classes == clean.classes


def test_a_clean_twin_says_what_differs():
    for id in of("ucf101", "hmdb51", "k400", "k600", "ssv2", "msrvtt", "didemo"):
        assert (protocol(id).clean != "") == id.endswith(("-clean", "hmdb51-all"))


# --- class names


@real
@pytest.mark.parametrize("id", of("hmdb51"))
def test_vifi_clip_swaps_two_pairs_of_names_of_hmdb51(root, id):
    theirs = plan(id, root, class_names="vifi-clip").evaluate
    for official, swapped in zip(plan(id, root).evaluate, theirs, strict=True):
        pairs = zip(official.classes, swapped.classes, strict=True)
        differ = {a: b for a, b in pairs if a != b}
        assert differ == {name: SIBLING[name] for name in official.classes if name in SIBLING}
        assert official.raw == swapped.raw
        assert official.classes == tuple(name.replace("_", " ") for name in official.raw)
        assert official.samples == swapped.samples


@real
def test_the_swap_concerns_120_videos_of_each_split(root):
    for split in plan("zs-hmdb51", root).evaluate:
        swapped = [n for n, name in enumerate(split.classes) if name in SIBLING]
        assert swapped == [20, 21, 44, 45]
        assert sum(s.label in swapped for s in split.samples) == 120


@real
@pytest.mark.parametrize("id", [id for id in of("ucf101") if not id.endswith("-halves")])
def test_names_of_ucf101(root, id):
    sets = ("official", "vifi-clip", "open-vclip")
    for official, unsplit, other in zip(
        *(plan(id, root, class_names=names).evaluate for names in sets), strict=True
    ):
        assert official.raw == unsplit.raw == other.raw == unsplit.classes
        assert not any(" " in name for name in unsplit.classes)
        assert tuple(name.replace(" ", "") for name in official.classes) == unsplit.classes
        pairs = zip(official.classes, other.classes, strict=True)
        differ = {a: b for a, b in pairs if a != b}
        assert differ == ({"Yo Yo": "Yoyo"} if "YoYo" in official.raw else {})
    names = {name for split in plan(id, root).evaluate for name in split.classes}
    assert {"Apply Eye Makeup", "Tai Chi", "Yo Yo", "Pull Ups"} <= names


@real
@pytest.mark.parametrize("names", ["vifi-clip", "open-vclip"])
@pytest.mark.parametrize("id", ["b2n-k400", "full-k400-clean", "zs-k600", "b2n-ssv2"])
def test_other_names_are_the_official_ones_in_every_set(root, id, names):
    official = plan(id, root).evaluate
    assert plan(id, root, class_names=names).evaluate == official
    assert all(split.classes == split.raw for split in official)


@real
@pytest.mark.parametrize("names", ["vifi-clip", "open-vclip"])
@pytest.mark.parametrize("id", ["ret-msvd", "ml-charades"])
def test_captions_and_charades_have_one_set_of_names(root, id, names):
    with pytest.raises(ProtocolError) as error:
        plan(id, root, class_names=names)
    assert names in str(error.value)
    assert "\n" not in str(error.value)


@real
@pytest.mark.parametrize("id", ["zs-hmdb51", "fs-ucf101-clean"])
def test_an_unknown_set_of_names(root, id):
    with pytest.raises(ProtocolError, match="no set of class names 'vifi'; it can be official, "):
        plan(id, root, class_names="vifi")


@real
@pytest.mark.parametrize("id", ["zs-hmdb51-halves", "fs-hmdb51", "b2n-hmdb51", "b2n-ucf101-clean"])
def test_labels_are_those_of_the_official_files(root, id):
    every = read_list(VideoList("all", protocol(id).dataset, "all"), lists_of(root))
    raw_of = {s.id: every.raw[s.label] for s in every.samples}
    planned = plan(id, root, needs=() if id.startswith("zs-") else ("target",))
    for split in (*planned.evaluate, *filter(None, [planned.train])):
        assert all(raw_of[s.id] == split.raw[s.label] for s in split.samples)


# --- digests


def digest(id, root, class_names="official", **more):
    roots = more.pop("roots", Roots(common=root))
    return protocol(id).digest(Data(roots=roots, class_names=class_names, **more))


@real
def test_protocols_on_equal_lists_have_digests_of_their_own(root):
    same = ("b2n-hmdb51", "b2n-hmdb51-clean", "ret-msrvtt", "ret-msrvtt-7k", "fs-hmdb51-clean")
    found = {digest(id, root) for id in same}
    assert len(found) == len(same)


@real
@pytest.mark.parametrize("id", ["zs-hmdb51", "fs-ucf101-clean", "b2n-hmdb51"])
def test_digest_tells_class_names_apart(root, id):
    official = digest(id, root)
    assert digest(id, root, "vifi-clip") != official
    same = protocol(id).dataset == "hmdb51"  # Open-VCLIP writes these rightly
    assert (digest(id, root, "open-vclip") == official) is same


@real
@pytest.mark.parametrize("id", ["zs-hmdb51", "b2n-hmdb51-clean", "ret-msrvtt", "ml-charades"])
def test_digest_does_not_depend_on_where_and_what_for(root, id, tmp_path):
    first = digest(id, root)
    assert digest(id, root, needs=frozenset(("target", "source"))) == first
    assert digest(id, root, train_list="k400/train") == first
    elsewhere = link_roots(tmp_path / "roots")
    given = {x: elsewhere / x for x in protocol(id).datasets}
    (elsewhere / protocol(id).dataset / f"{plan(id, root).evaluate[0].samples[0].id}.mp4").touch()
    assert digest(id, None, roots=Roots(given=given)) == first


@real
def test_digest_follows_templates_and_views(root):
    first, hmdb, data = digest("zs-hmdb51", root), protocol("zs-hmdb51"), lists_of(root)
    assert hmdb.digest(data, ["{}"]) != first
    assert hmdb.digest(data, views={"clips": 3}) != first
    assert hmdb.digest(data, views={"frames": 32}) == first


@real
def test_what_is_found_is_told_and_nothing_else_changes(tmp_path):
    there = link_roots(tmp_path / "roots")
    data = Data(roots=Roots(common=there))
    listed = read_list(VideoList("t", "hmdb51", "test1"), lists_of(there))
    assert len(listed.missing) == 1530
    first = listed.samples[0].id
    (there / "hmdb51" / "hmdb51_org").mkdir()
    (there / "hmdb51" / "hmdb51_org" / f"{first}.avi").touch()
    forget()
    found = read_list(VideoList("t", "hmdb51", "test1"), data)
    assert found.missing == listed.missing[1:]
    assert found.samples[0].path.name == f"{first}.avi"
    assert found.digest() == listed.digest()


# --- lists named by a user


def test_a_list_of_the_users_choice():
    assert named_list("k400/val", "source") == VideoList("source", "k400", "val")
    tiny = named_list("vifi-clip/k400/train-tiny", "source")
    assert tiny == VideoList("source", "k400", "vifi-clip/k400/train-tiny")
    assert tiny.needs == ("k400", "vifi-clip")


@pytest.mark.parametrize("words", ["k400", "k400/nothing", "vifi-clip/k400/nothing", "mine/train"])
def test_no_such_list(words):
    with pytest.raises(ProtocolError, match=f"there is no list '{words}'; <dataset>/<split> is"):
        named_list(words, "source")


@real
def test_the_source_can_be_another_list(root):
    data = Data(roots=Roots(common=root), videos=False, train_list="vifi-clip/k400/train-tiny")
    planned = protocol("zs-hmdb51").plan("main", 1, data)
    assert len(ids(planned.train)) == 60_000
    assert len(planned.train.classes) == 400


# --- lists that are wrong, on small roots of their own


@pytest.fixture
def hmdb(tmp_path):
    """Write split 1 of a small HMDB51: class -> lines."""

    def write(**files):
        folder = tmp_path / "hmdb51" / "testTrainMulti_7030_splits"
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in files.items():
            (folder / f"{name}_test_split1.txt").write_text("".join(f"{r}\n" for r in rows))
        return tmp_path

    return write


def read_small(root, part, dataset="hmdb51", allow=True, **more):
    data = Data(roots=Roots(common=root), videos=False, allow_unpinned=allow)
    return read_list(VideoList("some", dataset, part, **more), data)


def clips(name, number, flag=1):
    return [f"{name}{n}.avi {flag}" for n in range(number)]


def test_lists_of_an_unknown_version_are_marked(hmdb):
    root = hmdb(kick=clips("a", 3), wave=clips("b", 4))
    split = read_small(root, "train1")
    assert split.unpinned == ("testTrainMulti_7030_splits/*_test_split1.txt",)
    assert [s.label for s in split.samples] == [0, 0, 0, 1, 1, 1, 1]
    with pytest.raises(ProtocolError, match="is another version; get the three splits"):
        read_small(root, "train1", allow=False)


def test_shots_are_drawn_of_each_class_and_draws_are_apart(hmdb):
    root = hmdb(kick=clips("a", 6), wave=clips("b", 7))
    drawn = [read_small(root, "train1", shots=2, draw=n) for n in (1, 2, 3)]
    assert all([s.label for s in split.samples] == [0, 0, 1, 1] for split in drawn)
    assert len(set.union(*map(ids, drawn))) == 12
    assert read_small(root, "train1", shots=2, draw=1) == drawn[0]


def test_more_shots_than_videos_are_refused(hmdb):
    root = hmdb(kick=clips("a", 5), wave=clips("b", 7))
    assert len(read_small(root, "train1", shots=5, draw=1).samples) == 10
    words = "class 'kick' of train1 has 5 videos, and draw 1 of 6 shots needs 6"
    with pytest.raises(ProtocolError, match=words):
        read_small(root, "train1", shots=6, draw=1)
    with pytest.raises(ProtocolError, match="has 5 videos, and draw 3 of 2 shots needs 6"):
        read_small(root, "train1", shots=2, draw=3)


def test_an_empty_split(hmdb):
    root = hmdb(kick=clips("a", 3))
    with pytest.raises(ProtocolError, match="lists no videos for the split 'test1'"):
        read_small(root, "test1")


def test_a_video_listed_twice(hmdb):
    root = hmdb(kick=["a.avi 1", "b.avi 1", "a.avi 1"])
    with pytest.raises(ProtocolError, match=r"line 3: the video a is already listed in .* line 1"):
        read_small(root, "train1")


@pytest.fixture
def msvd(tmp_path):
    """Write a small MSVD: captions and the test list."""

    def write(captions, test=("a_1_2", "b_1_2")):
        folder = tmp_path / "msvd"
        folder.mkdir()
        (folder / "captions_msvd.json").write_text(json.dumps(captions))
        for name, listed in (("train", ["t_1_2"]), ("val", ["v_1_2"]), ("test", test)):
            (folder / f"{name}_list.txt").write_text("\n".join(listed) + "\n")
        return tmp_path

    return write


CAPTIONS = {"a_1_2": ["one", "two"], "b_1_2": ["two"], "t_1_2": ["x"], "v_1_2": ["y"]}


def test_captions_are_texts_video_by_video(msvd):
    split = read_small(msvd(CAPTIONS), "test", "msvd", kind="captions")
    assert split.texts == ("one", "two", "two")
    assert (split.classes, split.raw) == ((), ())


@pytest.mark.parametrize(
    ("captions", "words"),
    [
        (
            {**CAPTIONS, "z_1_2": ["three"]},
            "1 videos have captions and are in no list, first z_1_2",
        ),
        ({k: v for k, v in CAPTIONS.items() if k != "b_1_2"}, "line 2: b_1_2 has no caption in"),
        ({**CAPTIONS, "b_1_2": []}, "video b_1_2: captions are wanted, a list of texts"),
        ({**CAPTIONS, "b_1_2": [" "]}, "video b_1_2: a text is wanted"),
    ],
)
def test_captions_and_videos_that_do_not_fit(msvd, captions, words):
    with pytest.raises(ProtocolError, match=words) as error:
        read_small(msvd(captions), "test", "msvd", kind="captions")
    assert "\n" not in str(error.value)


def test_a_folder_that_nobody_named(tmp_path, monkeypatch):
    monkeypatch.delenv("VCLIPBENCH_DATA", raising=False)
    with pytest.raises(
        ProtocolError, match="the folder of hmdb51 is not known: give --data hmdb51="
    ):
        read_small(tmp_path, "train1")
