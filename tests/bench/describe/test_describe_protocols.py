"""`bench describe` of published protocols, words for a sweep, and plans of recipes on few videos."""

import re

import pytest
import torch
from annotation_roots import ANNOTATIONS, link_roots
from published import PUBLISHED, protocol
from session_roots import fake_root
from vclipbench.datasets.roots import Roots
from vclipbench.leaderboard import load_records
from vclipbench.protocols import BUILTIN
from vclipbench.protocols.faults import FAULTS, faults_of
from vclipbench.protocols.split import Data

real = pytest.mark.skipif(
    not ANNOTATIONS.is_dir(), reason="the annotation files ../shared/data/annotations are absent"
)
# lists of one protocol a family, as `bench describe` names them where no data are
NAMED = {
    "zs-k600-clean": [
        *("evaluate on draw1: k600, official list val, the classes of open-vclip/k600/draw1",),
        "train on k400-train: k400, official list train",
    ],
    "zs-hmdb51-halves": ["evaluate on half9: hmdb51, official list used1, half 9"],
    "b2n-ucf101": [
        *(
            "evaluate on base: vifi-clip/ucf101/base-test",
            "evaluate on novel: vifi-clip/ucf101/novel",
        ),
        "train on base-few16-1: vifi-clip/ucf101/base-few16-1",
    ],
    "fs-ssv2": [
        *("evaluate on test: vifi-clip/ssv2/validation", "train on few2: vifi-clip/ssv2/few2"),
        "train on few16: vifi-clip/ssv2/few16",
    ],
    "full-k400": ["vifi-clip/k400/val", "vifi-clip/k400/train"],
    "ret-didemo-clean": ["didemo, official list test", "didemo, official list train"],
    "ml-charades": ["charades, official list test", "charades, official list train"],
}
# and with data: what is trained on and evaluated on, counted
COUNTED = {
    "zs-hmdb51": ["evaluate on split3: 51 classes, 1,530 videos, chance 1.96 %"],
    "b2n-hmdb51": [
        "train on base-few16-1: 26 classes, 416 videos",
        "evaluate on base: 26 classes, 780 videos, chance 3.85 %",
        "evaluate on novel: 25 classes, 750 videos, chance 4.00 %",
    ],
    "fs-hmdb51-clean": [
        "k2: train on few2: 51 classes, 102 videos",
        "k16: train on few16: 51 classes, 816 videos",
        "k16: evaluate on split1: 51 classes, 1,530 videos, chance 1.96 %",
    ],
    "full-k400-clean": [
        "train on not here: there is no kinetics-400_train.csv in",
        "evaluate on val: 400 classes, 19,906 videos, chance 0.25 %",
    ],
    "ret-msvd": ["evaluate on test: 27,763 captions, 670 videos"],
    "ml-charades": ["evaluate on test: 157 labels (52 novel), 1,814 videos"],
}


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    return link_roots(tmp_path_factory.mktemp("lists") / "roots")


@pytest.fixture(autouse=True)
def _no_other_data(monkeypatch):
    monkeypatch.delenv("VCLIPBENCH_DATA", raising=False)


def flat(text):
    """Without line breaks and columns."""
    return " ".join(text.split())


# --- describe


@pytest.mark.parametrize("id", NAMED)
def test_lists_are_named_where_no_data_are(quick, id):
    out = flat(quick("describe", id, "--all", check=0).stdout)
    one = protocol(id)
    assert out.startswith(f"protocol {id} what {flat(one.summary)}")
    assert f"headline: {one.primary}" in out
    assert f"lists (counts and digest with --data: {', '.join(one.datasets)})" in out
    assert "digest " not in out.replace("digest with", "").partition("faults of")[0]
    lacking = [words for words in NAMED[id] if words not in out]
    assert not lacking, out[:1500]


@real
@pytest.mark.parametrize("id", COUNTED)
def test_lists_are_counted_where_they_are(quick, lists, id):
    out = flat(quick("describe", id, "--data", lists, check=0).stdout)
    lacking = [words for words in COUNTED[id] if words not in out]
    assert not lacking, out[:1500]
    digest = protocol(id).digest(Data(roots=Roots(common=lists)))
    assert f" digest {digest} splits " in out
    assert "counts and digest with --data" not in out


@pytest.mark.parametrize("id", PUBLISHED)
def test_faults_and_clean_twin(quick, id):
    lines = quick("describe", id, "--all", check=0).stdout
    faults = [fault.id for fault in FAULTS if fault in faults_of(id)]
    heading = "faults of what was published, and what is done about them (docs/protocols/faults.md)"
    found = re.findall(r"\[([a-z0-9-]+)\]", lines.partition(heading)[2].partition("\nsettings")[0])
    assert found == faults != []
    for fault in faults_of(id):
        told = f"- {fault.title} [{fault.id}] {fault.text} Here: {fault.ours}"
        assert "".join(told.split()) in "".join(lines.split())  # lines break at hyphens
    clean = re.search(r"^clean twin +(.+?)\n(?=\S|\n)", lines, re.M | re.S)
    told = "".join(clean[1].split()) if clean else ""
    assert told == "".join(protocol(id).clean.split())
    assert all(len(line) <= 100 for line in lines.splitlines() if "/" not in line)


def test_settings_are_those_of_the_plan(quick):
    out = quick("describe", "full-k400", "--all").stdout.partition(
        "settings (config keys that it sets)"
    )[2]
    values = dict(re.findall(r"^    ([a-z_.]+) = (\S+)", out, re.M))
    assert (values["views.frames"], values["views.clips"], values["views.crops"]) == (
        "16",
        "4",
        "3",
    )
    many = quick("describe", "b2n-ssv2", "--all").stdout
    assert re.search(r"^    seeds = \[1, 2, 3\] ", many, re.M)


def test_a_folder_that_is_not_there(quick, tmp_path):
    for words in ([tmp_path / "none"], [f"hmdb51={tmp_path / 'none'}"]):
        done = quick("describe", "zs-hmdb51", "--data", *words, check=2)
        assert done.stderr == (
            f"error: {tmp_path / 'none'} does not exist; the root folder of hmdb51 is wanted\n"
        )


def test_all_protocols_are_listed(quick):
    rows = quick("list", "protocols", check=0).stdout.splitlines()
    listed = [row.split()[0] for row in rows if row.endswith("[built in]")]
    assert listed == list(BUILTIN)
    for row in rows:
        if row.split()[0] in PUBLISHED:
            assert flat(protocol(row.split()[0]).summary) in flat(row)


# --- words for a sweep


@pytest.fixture
def swept(quick, monkeypatch):
    """Ids of the protocols that `bench sweep` runs, in order; nothing is run."""
    from vclipbench.bench.run import session

    def start(words, check=0):
        seen = []

        class Noted:
            def __init__(self, resolved, *rest):
                seen.append((resolved.config.method, resolved.config.protocol))

            def run(self, dry):
                assert dry

        monkeypatch.setattr(session, "Session", Noted)
        done = quick("sweep", "--methods", "random", "--protocols", words, "--dry-run", check=check)
        assert [method for method, _ in seen] == ["random"] * len(seen)
        return [id for _, id in seen] if check == 0 else done.stderr

    return start


def test_words_for_many_protocols(swept):
    assert swept("hmdb51") == [id for id in BUILTIN if protocol(id).dataset == "hmdb51"]
    families = [id for id in BUILTIN if id.startswith(("ret-", "ml-"))]
    assert swept("ret, ml") == families
    assert swept("fs-ssv2,fs,zs-k600") == [
        "fs-ssv2",
        *(i for i in BUILTIN if i[:3] == "fs-" and i != "fs-ssv2"),
        "zs-k600",
    ]
    assert swept("all") == [id for id in BUILTIN if id != "zs-folder"]


def test_unknown_words_for_protocols(swept):
    assert swept("zs-hmbd51", check=2).startswith("error: unknown protocol 'zs-hmbd51'")
    assert "did you mean 'zs-hmdb51'?" in swept("ret,zs-hmbd51", check=2)
    assert swept(" , ", check=2) == "error: --protocols holds no id; see bench list protocols\n"


# --- plans and runs of recipes


@pytest.fixture(scope="module")
def root(shapes_cache, tmp_path_factory):
    return fake_root(tmp_path_factory.getbasetemp())


@pytest.fixture
def few(quick, root, tmp_path):
    """A run on a few videos of each list -> its record, which is new."""

    def start(method, protocol, *more):
        known = {r.run_id for r in load_records(tmp_path / "runs")}
        words = ("run", "--method", method, "--protocol", protocol, "--data", root)
        small = ("--set", "data.limit=2", "--set", "data.workers=0", "--backbone", "shapes-tiny")
        quick(*words, *small, "--on-bad-video", "skip", "--out", tmp_path / "runs", *more, check=0)
        (new,) = [r for r in load_records(tmp_path / "runs") if r.run_id not in known]
        return new

    (tmp_path / "runs").mkdir()
    return start


@real
def test_texts_that_are_cut_are_counted_when_they_come_from_the_cache(few, monkeypatch):
    from vclipbench.methods.base import Method

    encoded, encode = [], Method.encode_classes

    def noted(self, texts, number=1):
        encoded.extend(texts)
        return encode(self, texts, number)

    monkeypatch.setattr(Method, "encode_classes", noted)
    long = "a photo of a {}, " + "which goes on and on " * 30
    words = ("--set", "views.frames=1", "--prompt", long)
    first = few("clip", "zs-hmdb51", *words)
    assert len(encoded) == 51
    second = few("clip", "zs-hmdb51-full", *words)
    assert len(encoded) == 51  # no text was encoded anew
    cut = [r.observed.effective_plan["texts_cut"] for r in (first, second)]
    assert cut == [3 * 51, 51]
    short = few("clip", "zs-hmdb51-full", "--set", "views.frames=1")
    assert short.observed.effective_plan["texts_cut"] == 0


@real
def test_open_vclip_samples_hmdb51_by_the_rule_of_torchvision(few, tmp_path):
    from vclipbench.methods import build_method

    path = tmp_path / "open-vclip.pth"
    torch.save(build_method("open-vclip", "shapes-tiny").published_state(), path)
    record = few("open-vclip", "zs-hmdb51", "--checkpoint", path)
    identity = record.identity
    assert record.status == "done"
    assert identity.protocol.sampling == "stride-torchvision"
    assert (identity.protocol.views.clips, identity.protocol.views.crops) == (3, 1)
    assert len(identity.protocol.templates) == 28
    assert record.observed.effective_plan["views"] == 3
    assert record.observed.effective_plan["salvaged_ids"] == []
    assert {name: data.n_scored for name, data in record.data.items()} == {
        f"split{n}": 2 for n in (1, 2, 3)
    }
    assert record.metric("top1_mean").value >= 0


PLAN = ("run", "--method", "clip-vip", "--protocol", "ret-shapes", "--dry-run", "--set")


def test_an_option_drops_a_stage_that_the_recipe_names(quick):
    from vclipbench.methods import build_method

    stages = [build_method("clip-vip", "shapes-tiny", pooling=x) for x in ("proxies", "mean")]
    names = [[stage.name for stage in method.stages("captions")] for method in stages]
    assert names == [["pretrain", "finetune"], ["finetune"]]
    recipe = quick("describe", "clip-vip", "--kind", "methods", "--all", check=0).stdout
    assert "stages = {'pretrain':" in recipe
    out = flat(quick(*PLAN, "options.pooling=mean", check=0).stdout)
    assert "training finetune:" in out
    assert "pretrain:" not in out


def test_a_setting_of_a_dropped_stage_is_refused(quick):
    words = ("options.pooling=mean", "--set", "stages.pretrain.lr=1")
    done = quick(*PLAN, *words, check=2)
    assert done.stderr == "error: stages: the stage 'pretrain' is none of finetune\n"


def test_the_papers_numbers_of_a_protocol(quick):
    out = flat(quick("describe", "b2n-k400", check=0).stdout)
    assert "vifi: top1 base 76.4, top1 novel 61.1, hm 67.9 ~ (ViFi-CLIP, ViT-B-16" in out
    assert "Base-to-novel generalization results, Kinetics-400)" in out
    assert "~ differs: harmonic mean of the means over three lists" in out
    assert "needs videos of k400 (size not known here); lists of vifi-clip" in out


def test_what_matters_comes_first_and_the_rest_by_all(quick):
    for words in (("describe", "vifi"), ("describe", "b2n-shapes"), ("list",)):
        short = quick(*words, check=0).stdout.splitlines()
        whole = quick(*words, "--all", check=0).stdout.splitlines()
        assert len(short) <= 25 < len(whole)
        assert any("--all" in line for line in short)
    assert quick("describe", "b2n-shapes").stdout.startswith("protocol  b2n-shapes\nwhat ")
