"""The digest of code: what is in it, what is not, and imports that lead nowhere."""

import importlib
import shutil
import sys
from pathlib import Path

import pytest
from vclipbench.bench.errors import UserError
from vclipbench.bench.plan import code

ROOT = Path(code.ROOT)
VIFI, ZERO_SHOT = "vclipbench.methods.vifi", "vclipbench.protocols.zero_shot"
TRAINING = (*code.TRAINING, VIFI)
SCORING = (*code.SCORING, VIFI, ZERO_SHOT)


@pytest.fixture
def tree(tmp_path):
    """A copy of the package's sources, to change lines in."""
    for folder in ("bench", "datasets", "leaderboard", "methods", "protocols"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("weights"))
    shutil.copy(ROOT / "__init__.py", tmp_path)
    return tmp_path


def append(file, text="CHANGED = 1\n"):
    file.write_text(file.read_text() + text)


@pytest.mark.parametrize(
    ("file", "training", "scoring"),
    [
        ("methods/vifi.py", True, True),
        ("methods/base.py", True, True),
        ("datasets/video/transforms.py", True, True),
        ("datasets/shapes/render.py", True, True),
        ("bench/train/optimiser.py", True, False),
        ("bench/score/evaluate.py", False, True),
        ("protocols/metrics/accuracy.py", False, True),
        ("protocols/zero_shot.py", False, True),
        ("leaderboard/statistics/bootstrap.py", False, True),
        ("bench/cli.py", False, False),
        ("bench/commands/run.py", False, False),
        ("bench/errors.py", False, False),
        ("leaderboard/report/build.py", False, False),
        ("methods/clip_vip.py", False, False),
        ("datasets/__init__.py", False, False),
    ],
)
def test_a_changed_line_counts_where_it_decides(tree, file, training, scoring):
    before = [code.code_digest(some, tree) for some in (TRAINING, SCORING)]
    append(tree / file)
    after = [code.code_digest(some, tree) for some in (TRAINING, SCORING)]
    assert [a != b for a, b in zip(before, after, strict=True)] == [training, scoring]


def test_words_for_readers_do_not_count(tree):
    before = code.code_digest(TRAINING, tree)
    file = tree / "methods/vifi.py"
    text = file.read_text().replace("One stage: fine-tuning", "A single stage, which fine-tunes")
    file.write_text(
        "# a comment\n" + text.replace("    trains = _TEXT", "\n    trains = _TEXT  # x")
    )
    assert code.code_digest(TRAINING, tree) == before


def test_the_copy_has_the_digest_of_the_original(tree):
    assert code.code_digest(SCORING, tree) == code.code_digest(SCORING)


@pytest.mark.parametrize("line", ["from .nowhere import thing", "from ..datasets import nowhere2"])
def test_an_import_that_leads_nowhere_is_refused(tree, line):
    append(tree / "methods/vifi.py", f"\ndef late():\n    {line}\n")
    if "nowhere2" in line:  # a name of a package that its __init__ may well have
        (tree / "datasets/__init__.py").unlink()
    with pytest.raises(UserError, match=r"vifi\.py, line \d+ imports vclipbench\.\w+"):
        code.code_digest(TRAINING, tree)


def test_a_module_without_a_file_is_refused():
    with pytest.raises(UserError, match="there is no file of that module"):
        code.code_digest(["vclipbench.methods.nowhere"])


PACKAGE = {
    "__init__.py": "",
    "helpers/__init__.py": "",
    "helpers/deep.py": "FACTOR = 2\n",
    "methods/__init__.py": "",
    "methods/mine/__init__.py": "",
    "methods/mine/model.py": (
        "from vclipbench.methods.clip import MeanCLIP\n"
        "from ...helpers.deep import FACTOR\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from ...helpers.types_only import Shape\n"
        "def late():\n    from . import second\n"
        "class Mine(MeanCLIP):\n    factor = FACTOR\n"
    ),
    "methods/mine/second.py": "X = 1\n",
    "helpers/types_only.py": "Shape = int\n",
    "other.py": "Y = 1\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed plugin whose method stands in a folder, with a helper two levels up."""
    for name, text in PACKAGE.items():
        file = tmp_path / "code_plugin" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield tmp_path / "code_plugin"
    for name in [name for name in sys.modules if name.split(".")[0] == "code_plugin"]:
        del sys.modules[name]


def test_a_plugin_in_folders_is_followed(package):
    entry = "code_plugin.methods.mine.model"
    found = code.code_files([entry])
    assert {n for n in found if n.startswith("code_plugin")} == {
        entry,
        "code_plugin.helpers.deep",
        "code_plugin.methods.mine.second",
    }
    assert "vclipbench.methods.base" in found
    before = code.code_digest([entry])
    for name in ("helpers/types_only.py", "other.py", "methods/__init__.py"):
        append(package / name)
    assert code.code_digest([entry]) == before
    for name in ("helpers/deep.py", "methods/mine/second.py"):
        append(package / name)
        assert code.code_digest([entry]) != before
        before = code.code_digest([entry])


def test_a_second_file_beside_a_plugin_file_is_followed(tmp_path, monkeypatch):
    (tmp_path / "beside_me.py").write_text("FACTOR = 1\n")
    (tmp_path / "plug.py").write_text(
        "import numpy\nimport beside_me\nfrom vclipbench.methods.base import METHODS, Method\n"
        '@METHODS.register_module("code-plug")\nclass Plug(Method):\n    """A method."""\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    plugins = (str(tmp_path / "plug.py"),)
    before = code.training_code("code-plug", plugins), code.encoding_code("clip", plugins)
    append(tmp_path / "beside_me.py")
    assert code.training_code("code-plug", plugins) != before[0]
    assert code.encoding_code("clip", plugins) == before[1]


def test_the_protocol_counts_for_scores_only():
    assert code.scoring_code("vifi", "zs-shapes", ()) != code.scoring_code("vifi", "ret-shapes", ())
    assert code.training_code("vifi", ()) == code.training_code("vifi-text", ())
