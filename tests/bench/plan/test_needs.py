"""What a run takes that is not shipped is said at once, before any network."""

import pytest
from vclipbench.bench.plan.needs import needs_words

PLAN = ("run", "--method", "vifi", "--protocol", "b2n-k400", "--dry-run")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    import open_clip

    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.delenv("VCLIPBENCH_DATA", raising=False)
    monkeypatch.setattr(open_clip, "download_pretrained", refuse)


def test_all_that_lacks_is_one_answer(quick):
    said = quick(*PLAN, check=2).stderr
    for words in (
        "error: the folder of k400 is not known: give --data k400=DIR",
        "https://github.com/cvdfoundation/kinetics-dataset; videos on disk: size not known here",
        "kinetics-400_train.csv  kinetics-400_val.csv",  # of its layout
        "and the folder of vifi-clip is not known: give --data vifi-clip=DIR",
        "git clone https://github.com/muzairkhattak/ViFi-CLIP",
        "weights come after the data: weights of ViT-B-16-quickgelu, about 600 MB (openai)",
    ):
        assert words in said


def test_lists_that_lack_in_a_folder_that_is_there(quick, tmp_path):
    for id in ("ucf101", "k400"):
        (tmp_path / "data" / id).mkdir(parents=True)
    said = quick(
        "run", "--method", "vifi", "--protocol", "zs-ucf101", "--data", "data", check=2
    ).stderr
    assert "there is no ucfTrainTestlist/classInd.txt in" in said
    assert "not there either: ucfTrainTestlist/trainlist01.txt" in said
    assert "and there is no kinetics-400_train.csv in" in said
    assert said.count("ROOT/") == 2
    assert "Traceback" not in said


def test_the_training_list_of_a_method_that_trains(quick):
    trains = quick(*PLAN[:4], "zs-hmdb51", "--dry-run", check=2).stderr
    assert "the folder of hmdb51" in trains
    assert "the folder of k400" in trains
    alone = quick("run", "--method", "clip", "--protocol", "zs-hmdb51", "--dry-run", check=2).stderr
    assert "the folder of k400" not in alone


def test_the_line_of_needs():
    words = needs_words(["k400", "vifi-clip"], "ViT-L-14")
    assert words == (
        "videos of k400 (size not known here); lists of vifi-clip (a checkout); weights of ViT-L-14, "
        "about 1,700 MB; time: not measured here"
    )
    assert needs_words([], "shapes-tiny") == "nothing to fetch; time: not measured here"
    assert "weights of mine, size not known here" in needs_words([], "mine")


def test_a_dry_run_says_what_it_needs_and_settings_once(quick):
    words = (
        "run",
        "--method",
        "vifi",
        "--protocol",
        "b2n-shapes",
        "--dry-run",
        "--seed",
        "1",
        "2",
        "3",
    )
    out = quick(*words, "--set", "train.lr=0.01", check=0).stdout
    assert "needs        nothing to fetch; time: not measured here" in out
    assert out.count("train.lr ") == 1
    assert out.count("evaluate on  novel") == 1
    assert out.count("seed 3") == 1
    assert "weight_decay" not in out
    assert len(out.splitlines()) < 40
    assert "weight_decay" in quick(*words, "--all", check=0).stdout


def test_sizes_of_a_plan_for_the_cpu():
    from types import SimpleNamespace

    import torch
    from vclipbench.bench.run import show

    views = SimpleNamespace(frames=32, clips=1, crops=1)
    plan = SimpleNamespace(
        resolved=SimpleNamespace(config=SimpleNamespace(views=views)),
        lists=SimpleNamespace(evaluate=()),
        stages=(SimpleNamespace(steps=SimpleNamespace(total=550, batch=64)),),
        method=SimpleNamespace(parameters=lambda: [torch.empty(149_620_737, device="meta")]),
    )
    assert "1,126,400 frames go through 150 M parameters: this is work for a GPU" in show._too_much(
        plan
    )
    views.frames = 1
    assert show._too_much(plan) == ""
