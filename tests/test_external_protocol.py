"""The protocols of docs/add-a-protocol.md, as they stand there: given as files, installed, and run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from annotation_roots import ANNOTATIONS, link_roots
from vclipbench.datasets import hmdb51
from vclipbench.datasets.shapes.splits import clip
from vclipbench.datasets.shapes.store import ensure

PAGE = Path(__file__).parents[1] / "docs" / "add-a-protocol.md"
SMALL = ("--backbone", "shapes-tiny", "--set", "train.epochs=1", "--set", "train.precision=fp32")
FILES = ("two_folders.py", "hmdb51_unused.py")


def part(number):
    """A numbered part of the page."""
    return re.split(r"^## \d\. ", PAGE.read_text("utf-8"), flags=re.MULTILINE)[number]


def blocks(number, kind):
    """The fenced blocks of a kind in a part."""
    return re.findall(rf"```{kind}\n(.*?)```", part(number), re.DOTALL)


def commands(number):
    """The words of each `bench` command of a part."""
    found = re.findall(r"^    bench (.*)$", part(number), re.MULTILINE)
    return [shlex.split(command) for command in found]


def write_files(folder):
    for number, name in enumerate(FILES, 1):
        (text,) = blocks(number, "python")
        (folder / name).write_text(text)


def install(source, target):
    """The package of `source`, installed into the folder `target` without a network."""
    flags = ["--quiet", "--no-build-isolation", "--no-deps", "--no-index", "--target", str(target)]
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *flags]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the page's package installed into it."""
    pytest.importorskip("setuptools", "77")
    source, target = tmp_path_factory.mktemp("clip-lists"), tmp_path_factory.mktemp("target")
    write_files(source)
    (project,) = blocks(4, "toml")
    (source / "pyproject.toml").write_text(project)
    install(source, target)
    return target


@pytest.fixture
def mine(shapes_cache, tmp_path):
    """ROOT/train and ROOT/test with two classes of two videos each."""
    for name, world in (("train", "few-train"), ("test", "few-val")):
        for i, path in enumerate(ensure([clip(world, i) for i in range(4)])):
            file = tmp_path / "mine" / name / ("jump", "wave_hands")[i % 2] / f"{i}.mp4"
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, file)


@pytest.fixture
def hmdb51_root(shapes_cache, tmp_path):
    """The folder data/hmdb51 with the real lists and six videos under names of unused ones."""
    if not ANNOTATIONS.is_dir():
        pytest.skip("the real annotation files are not at hand (../shared/data)")
    root = link_roots(tmp_path / "data") / "hmdb51"
    rows = hmdb51.read(root, "unused1")
    clips = ensure([clip("zs1-val", i) for i in range(6)])
    for path, id, name in zip(clips, rows["id"][::300], rows["class"][::300], strict=True):
        file = root / "hmdb51_org" / name / f"{id}.avi"
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, file)


def test_the_page_s_published_protocol(bench, hmdb51_root, tmp_path):
    write_files(tmp_path)
    listed, described, planned, run = commands(2)
    assert "zs-hmdb51-unused  zero-shot HMDB51: the 1,666" in bench(*listed, check=0).stdout
    text = " ".join(bench(*described, check=0).stdout.split())
    assert "unused: 51 classes, 1,666 videos, chance 1.96 %" in text
    digest = re.search(r"digest ([0-9a-f]{12})", text)[1]
    plan = bench(*planned, check=0).stdout
    assert "unused: 51 classes, 1,666 videos" in plan
    assert digest in plan
    # a protocol wants all its videos, and says how to go on without
    refused = bench(*run, *SMALL, check=2).stderr
    assert "1,660 of the 1,666 videos" in refused
    assert "--on-bad-video skip" in refused
    told = bench(*run, *SMALL, "--on-bad-video", "skip", check=0).stderr
    assert "unused: 1,660 of 1,666 videos not scored; not there: 1,660" in told


def test_the_page_s_own_lists(bench, mine, tmp_path):
    write_files(tmp_path)
    _, checked, described, clip_run, vifi_run, board = commands(1)
    assert "full-folders: nothing fails" in bench(*checked, check=0).stdout
    text = " ".join(bench(*described, check=0).stdout.split())
    assert "train on train: 2 classes, 4 videos" in text
    assert "evaluate on test: 2 classes, 4 videos, chance 50.00 %" in text
    without = bench(*described[:-2], check=0).stdout
    assert "they follow your videos" in without
    bench(*clip_run, *SMALL, check=0)
    assert "train on     train: 2 classes" in bench(*vifi_run, *SMALL, check=0).stdout
    table = bench(*board, check=0).stdout
    rows = table.partition("What it took")[0].splitlines()
    assert "| method | backbone | full-folders top1 | full-folders rank |" in rows  # for both
    assert [row.split(" |")[0] for row in rows if "shapes-tiny" in row] == ["| clip", "| vifi"]
    (tmp_path / "mine" / "test" / "jump").rename(tmp_path / "mine" / "test" / "leap")
    wrong = bench(*clip_run, *SMALL, check=2).stderr
    assert wrong == "error: mine: class 'jump' is not in both train and test\n"


def test_the_installed_package(bench, installed, mine):
    env = os.environ | {"PYTHONPATH": str(installed)}
    listed, run = commands(4)
    lines = bench(*listed, env=env, check=0).stdout.splitlines()
    found = {line.split()[0] for line in lines if line.endswith("[clip-lists 0.1.0]")}
    assert found == {"zs-hmdb51-unused", "full-folders"}
    assert "top1" in bench(*run, env=env, check=0).stdout


BROKEN = {
    "does not import": ("two_folders", "from dataclasses", "from dataklasses", "dataklasses"),
    "another id": ("two_folders", 'id="full-folders"', 'id="other"', "not a Protocol with the id"),
    "no protocol": ("two_folders", "FULL_FOLDERS = TwoFolders(", "FULL_FOLDERS = dict(", "not a"),
    "a field that is not one": ("two_folders", "family=", "familie=", "familie"),
    "a key that is not one": ("two_folders", '"views"', '"viws"', "did you mean 'views'?"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_protocol_gives_one_sentence(case, bench, installed, mine, tmp_path):
    name, old, new, reason = BROKEN[case]
    folder = tmp_path / "target"
    shutil.copytree(installed, folder)
    module = folder / f"{name}.py"
    assert module.read_text().count(old) == 1
    module.write_text(module.read_text().replace(old, new))
    env = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    words = ("--protocol", "full-folders", "--data", "mine")
    done = bench("run", "--method", "random", *words, env=env, check=2)
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr
    lines = bench("list", "protocols", env=env, check=0).stdout.splitlines()
    broken = [line.split()[0] for line in lines if "  broken: " in line]
    assert broken == ([] if case == "a key that is not one" else ["full-folders"])


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"unused1"', '"unused9"', "there is no split of hmdb51 'unused9'; it can be train1,"),
        ('"unused1"', '"vifi-clip/hmdb51/few3"', "there is no list 'vifi-clip/hmdb51/few3'"),
        ("(VideoList(", "(Video(", "hmdb51_unused.py is broken: NameError: name 'Video' is not"),
    ],
)
def test_a_broken_file_gives_one_sentence(old, new, reason, bench, hmdb51_root, tmp_path):
    write_files(tmp_path)
    file = tmp_path / FILES[1]
    file.write_text(file.read_text().replace(old, new))
    _, _, planned, _ = commands(2)
    done = bench(*planned, check=2)
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr
