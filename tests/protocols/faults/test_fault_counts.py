"""Every number in the faults beside those of lists is counted anew (skips without the real files).

`count_<id>` gives the numbers that the text of a fault must hold. A number that is neither counted
nor named in `fault_files.GIVEN` fails.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import re
from collections import Counter
from functools import cache

import numpy as np
import pytest
from annotation_roots import ANNOTATIONS, link_roots
from fault_files import OF_CLASS_LISTS, SPLITS, Files, check, draws, given, lines, share
from vclipbench.datasets import catalog
from vclipbench.datasets.video import transforms
from vclipbench.datasets.video.sampling import Timing, frame_indices
from vclipbench.protocols import faults
from vclipbench.protocols.metrics.retrieval import dsl_metrics, retrieval_metrics

GOLDEN = ANNOTATIONS.parents[1] / "golden"
FAULTS = [fault for fault in faults.FAULTS if fault not in OF_CLASS_LISTS]
# base, novel and harmonic mean as ViFi-CLIP's README prints them
PRINTED = """
72.9 58.0 64.6  73.4 59.7 65.8  76.4 61.1 67.9  62.6 47.5 54.0  70.0 51.2 59.1  73.8 53.3 61.9
77.1 54.9 64.1  86.4 65.3 74.4  90.9 67.4 77.4  92.9 67.7 78.3  95.9 74.1 83.6   9.2  8.5  8.8
12.4  9.5 10.8  16.2 12.1 13.9  15.8 11.5 13.3
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    if not ANNOTATIONS.is_dir():
        pytest.skip("the annotation files ../shared/data/annotations are absent")
    if not GOLDEN.is_dir():
        pytest.skip("the golden files ../shared/golden are absent")
    return Files(link_roots(tmp_path_factory.mktemp("roots") / "all"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_the_numbers_of_a_fault(fault, files):
    count = globals().get("count_" + fault.id.replace("-", "_"), lambda _: ())
    check(fault, count(files))


@cache
def matrix() -> np.ndarray:
    packed = ANNOTATIONS / "retrieval/msrvtt_similarity/msrvtt_video_matrix.npy.gz"
    return np.load(io.BytesIO(gzip.decompress(packed.read_bytes())))


@cache
def ranked(tie_rule: str = "pessimistic") -> dict[str, tuple[float, int]]:
    return {m.name: (m.value, m.n) for m in retrieval_metrics(matrix(), "test", tie_rule=tie_rule)}


def padded(videos: int, views: int = 1, processes: int = 8) -> int:
    """Items that a distributed sampler repeats."""
    return -videos * views % processes


def count_msrvtt_same_captions(f):
    captions = f.table("msrvtt/test")["captions"].str[0]
    times = Counter(captions.value_counts())
    assert times == {1: 991, 2: 3, 3: 1}
    yield from (captions.nunique(), len(captions), int(ranked()["v2t_tied"][0]))
    yield share(captions.nunique(), len(captions))


def others(name: str) -> set[str]:
    return set(filter(None, lines(f"retrieval/msrvtt/{name}.txt")))


def nine(kind: str = "9k") -> set[str]:
    return set(lines(f"retrieval/msrvtt/MSRVTT_train.{kind}.csv")[1:])


def count_msrvtt_two_tests(f):
    test = f.ids("msrvtt/test")
    other, training = others("test_list_miech"), others("train_list_miech")
    yield from (len(other), len(other & test), len(other & nine()), len(training & test))


def count_msrvtt_two_trainings(f):
    official = others("test_list_full")
    assert nine("7k") == others("train_list_full") | others("val_list_full")
    yield from (len(nine()), len(nine("7k")), len(official), len(nine() & official))
    yield share(len(nine()) - len(nine("7k")), len(nine("7k")), 0)


def count_didemo_second_extension(f):
    for split in ("test", "val"):
        table = f.table(f"didemo/{split}")
        whole = catalog.read("didemo", f.root / "didemo", split, all_names=True)
        rows = json.loads("\n".join(lines(f"retrieval/didemo/{split}_data.json.gz")))
        listed = set(lines(f"retrieval/didemo/{split}_list.txt"))
        yield from (len(rows), sum(row["video"] not in listed for row in rows))
        if split == "test":
            more = int((whole["captions"] != table["captions"]).sum())
            yield from (len(table), more, share(more, len(table)))


def count_msvd_captions(f):
    captions = f.table("msvd/test")["captions"]
    owners = Counter(text for texts in captions for text in set(texts))
    sizes = captions.map(len)
    yield from (len(captions), sizes.sum(), len(owners), sum(n > 1 for n in owners.values()))
    yield from (sizes.min(), sizes.max(), f"{sizes.max() / sizes.min():.1f}")


def count_charades_unlabelled(f):
    for split in ("train", "test"):
        labels = f.table(f"charades/{split}")["labels"].map(len)
        yield from (len(labels), int((labels == 0).sum()))
        if split == "test":  # guessing has the share of positives as its expected precision
            classes = len(catalog.classes("charades", f.root / "charades"))
            yield share(labels.sum() / classes, len(labels), 2)
            yield share(labels.sum() / classes, int((labels > 0).sum()), 2)


def count_hmdb51_swapped_names(f):
    true = f.table("vifi-clip/hmdb51/test1").drop_duplicates("label").sort_values("label")["class"]
    written = [name.replace(" ", "_") for name in f.names("vifi-clip/hmdb51/test1")]
    wrong = {a for a, b in zip(true, written, strict=True) if a != b}
    assert wrong == {"kick", "kick_ball", "sword", "sword_exercise"}
    assert {f.of(f"hmdb51/test{n}", wrong) for n in SPLITS} == {120}
    for part in ("test1", "base-test", "novel-test", "base-few16-1", "few16"):
        name = f"vifi-clip/hmdb51/{part}"
        yield from (f.of(name, wrong), f.size(name))
    yield share(f.of("hmdb51/test1", wrong), f.size("hmdb51/test1"))


def count_ucf101_unsplit_names(f):
    vifi, other = (f.names(f"{r}/ucf101/test1") for r in ("vifi-clip", "open-vclip"))
    several = [a for a, b in zip(vifi, other, strict=True) if " " in b]
    assert all(" " not in a for a in vifi)
    # YoYo too has two words, but is no other text in small letters
    assert set(several) | {"YoYo"} == {n for n in vifi if re.search("[a-z][A-Z]", n)}
    number, size = f.of("ucf101/test1", several), f.size("ucf101/test1")
    yield from (len(several), len(vifi), number, size, share(number, size))


def count_ucf101_yoyo(f):
    names = f.names("open-vclip/ucf101/test1")
    assert "Yoyo" in names
    yield from (f.of(f"ucf101/test{n}", ["YoYo"]) for n in SPLITS)


def count_ucf101_sorted_folders(f):
    table = f.table("ucf101/all").drop_duplicates("label").sort_values("label")
    moved = [a for a, b in zip(table["class"], sorted(table["class"]), strict=True) if a != b]
    yield len(moved)
    for n in SPLITS:
        number = f.of(f"ucf101/test{n}", moved)
        yield from (number, share(number, f.size(f"ucf101/test{n}")))


def count_k400_underscores(f):
    for half in ("base", "novel"):
        names = f.names(f"open-vclip/k400/{half}-test")
        yield from (len(names), sum("_" in name for name in names))


def count_ssv2_cut_names(f):
    for half in ("base", "novel"):
        names = f.names(f"vifi-clip/ssv2/{half}-test")
        yield sum("," in name for name in names)
        cut = [name.partition(",")[0] for name in names]
        same = [n for n, text in enumerate(cut) if cut.count(text) > 1]
        yield from same
        if same:
            table = f.table(f"vifi-clip/ssv2/{half}-test")
            yield from (int(table["label"].isin(same).sum()), len(table))


def count_baselines_differ(_):
    fault = next(fault for fault in FAULTS if fault.id == "baselines-differ")
    ucf, hmdb, other_ucf, other_hmdb = (float(n) for n in ("63.2", "40.8", "73.8", "47.9"))
    assert {str(n) for n in (ucf, hmdb, other_ucf, other_hmdb)} == given(fault)
    templates = len(json.loads((GOLDEN / "open_vclip/tiny/case.json").read_text())["templates"])
    yield from (f"{other_ucf - ucf:.1f}", f"{other_hmdb - hmdb:.1f}", templates)


def count_views_first_two_thirds(_):
    rule, timing = "stride-pyav", Timing(30, 512)
    seen = frame_indices(rule, 300, 8, 3, timing=timing)
    assert (np.diff(seen[:, :-1]) == 18).all()
    yield from (300, int(np.diff(seen)[0, 0]), int(np.diff(seen)[0, -1]), 299 - int(seen.max()))
    yield share(299 - int(seen.max()), 300, 0)


def count_imagenet_normalisation(_):
    pairs = zip(transforms.CLIP_STD, transforms.IMAGENET_STD, strict=True)
    yield from (f"{100 * (clip / imagenet - 1):.0f}" for clip, imagenet in pairs)


def count_squashed_frames(_):
    with np.load(GOLDEN / "clip_vip" / "protocol" / "expected.npz") as golden:
        pair = [golden[f"transform/antialias_{on}"] for on in (False, True)]
    yield f"{np.abs(pair[0] - pair[1]).max():.1f}"


def count_drop_last(f):
    lists = ["hmdb51/test1", *(f"ucf101/test{n}" for n in SPLITS)]
    lists += ["vifi-clip/ssv2/validation", "vifi-clip/k400/val"]
    lost = {n: sum(len(range(process, f.size(n), 8)) % 2 for process in range(8)) for n in lists}
    yield from (*lost.values(), *(f.size(n) for n in (lists[0], *lists[-2:])))
    yield share(max(number / f.size(n) for n, number in lost.items()), 1, 2)


def count_repeated_views(f):
    lists = ["hmdb51/used1", "hmdb51/test1", *(f"ucf101/test{n}" for n in SPLITS)]
    lists += draws("open-vclip")
    twice = {n: padded(f.size(n), views=3) for n in lists}
    assert padded(f.size("ucf101/all"), views=3) == 0
    worst = max(twice, key=lambda n: twice[n] / f.size(n))
    yield from (*twice.values(), f.size("hmdb51/used1"), f.size(worst))
    yield share(twice[worst], f.size(worst), 2)


def stacked(videos: int, processes: int, batch: int) -> tuple[list[int], list[int]]:
    """Items that are there twice and that are lost, by CLIP-ViP's gathering and cutting."""
    order = [n % videos for n in range(videos + padded(videos, processes=processes))]
    shares = [order[process::processes] for process in range(processes)]
    steps = range(0, len(shares[0]), batch)
    gathered = [n for step in steps for own in shares for n in own[step : step + batch]]
    times = Counter(gathered[:videos])
    return [n for n in times if times[n] > 1], [n for n in range(videos) if n not in times]


def count_padding_cut(f):
    twice, lost = stacked(f.size("activitynet/val_1"), 8, 16)
    yield from (f.size("activitynet/val_1"), *twice, *lost)
    twice, lost = stacked(f.size("didemo/test"), 8, 16)
    assert len(twice) == len(lost)
    yield from (f.size("didemo/test"), len(lost))


def count_ties_counted_twice(_):
    value, entries = ranked("reference")["v2t_r1"]
    yield from (entries, len(matrix()), f"{value:.2f}")
    yield from (f"{ranked(rule)['v2t_r1'][0]:.1f}" for rule in ("pessimistic", "expected"))
    yield 1008
    for hits in (495, 768, 847):
        yield from (hits, share(hits, 1008, 4))


def count_dual_softmax(_):
    plain = ranked()["t2v_r1"][0]
    weighted = {m.name: m.value for m in dsl_metrics(matrix(), "test")}["dsl_t2v_r1"]
    yield from (f"{plain:.1f}", f"{weighted:.1f}", f"{weighted - plain:.1f}")


def count_dual_softmax_direction(_):
    for prior in ("texts", "videos"):
        found = {m.name: m.value for m in dsl_metrics(matrix(), "test", reverse_prior=prior)}
        yield f"{found['dsl_v2t_r1']:.1f}"
    assert f"{ranked()['v2t_r1'][0]:.1f}" == "45.6"


def count_hm_of_rounded_means(_):
    rows = np.array(PRINTED.split(), dtype=float).reshape(-1, 3)
    base, novel, printed = rows.T
    harmonic = 2 * base * novel / (base + novel)
    assert (np.abs(harmonic - printed) < 0.05 + 1e-9).all()
    # half a unit of the last printed place in both means
    shifts = [(a, b) for a in (-0.05, 0.05) for b in (-0.05, 0.05)]
    moved = [2 * (base + a) * (novel + b) / (base + a + novel + b) for a, b in shifts]
    largest = np.abs(np.array(moved) - harmonic).max()
    yield from (len(rows), f"{math.ceil(10 * largest) / 10:.1f}")


def count_deviation_unnamed(_):
    yield f"{math.sqrt(3 / 2):.2f}"


def count_msvd_median(f):
    queries = int(f.table("msvd/test")["captions"].map(len).sum())
    assert queries % 2 == 1
    yield queries


def count_retrieval_chosen_on_test(f):
    steps = math.ceil(100 * len(nine()) / 128)  # epochs and batch of its configuration
    yield steps // 100


def count_activitynet_no_test(f):
    assert f.ids("activitynet/val_2") <= f.ids("activitynet/val_1")
    yield from (f.size("activitynet/val_1"), f.size("activitynet/val_2"))


def count_ssv2_flips(f):
    names = f.names("vifi-clip/ssv2/validation")
    sided = {n for n in names if re.search(r"\b(left|right)\b(?! out)", n)}
    swap = {"left": "right", "right": "left"}
    turned = {re.sub("left|right", lambda m: swap[m.group()], n) for n in sided}
    assert turned == sided
    assert f.of("vifi-clip/ssv2/novel-test", sided) == 0
    number, size = f.of("vifi-clip/ssv2/validation", sided), f.size("vifi-clip/ssv2/validation")
    yield from (len(sided), len(names), number, size, share(number, size))


def count_left_over_batches(f):
    videos = f.size("vifi-clip/hmdb51/few2")
    whole = videos + padded(videos)
    steps = whole // 8 // 4 // 2  # processes, videos of a batch, batches of a step
    yield from (whole, steps, steps * 8 * 4 * 2, 50 * steps)
