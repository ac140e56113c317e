"""The package beside others: Hugging Face `datasets`, light imports, no traces of other places."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(code, cwd):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize("where", [ROOT, ROOT.parent])
def test_lives_beside_hugging_face_datasets(where):
    pytest.importorskip("datasets", reason="Hugging Face datasets is not installed")
    code = (
        "import transformers, open_clip, vclipbench.datasets.video.read, vclipbench.methods.build;"
        "from transformers import CLIPModel, Trainer;"
        "import vclipbench.datasets as ours;"
        "import datasets;"
        "print(ours.__name__, hasattr(datasets, 'load_dataset'))"
    )
    done = run(code, where)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("vclipbench.datasets ")
    if where != ROOT:  # in the root itself the folder hides the library, which must do no harm
        assert done.stdout.strip().endswith("True")


def test_help_and_list_import_nothing_heavy(tmp_path):
    code = (
        "import sys; sys.argv = ['bench', {words}]\n"
        "from vclipbench.bench.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'open_clip', 'mmengine', 'cv2', 'pandas') if m in sys.modules])"
    )
    for words in ("'--help'", "'list'", "'list', 'methods'", "'run', '--method', 'vify'"):
        done = run(code.format(words=words), tmp_path)
        assert done.stdout.strip().endswith("[]"), words + done.stdout + done.stderr


def test_every_dependency_is_pinned_and_no_address_stands_in_the_files():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = (ROOT / "constraints.txt").read_text()
    names = {
        re.split(r"[<>=;\[ ]", d)[0].lower().replace("_", "-") for d in project["dependencies"]
    }
    pinned = {line.split("==")[0] for line in pins.splitlines() if "==" in line}
    assert names <= pinned
    assert "://" not in pins
    assert "@" not in pins


def test_packages_of_the_tree_are_all_declared():
    declared = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    )
    folders = ("bench", "datasets", "leaderboard", "methods", "protocols")
    found = {"vclipbench"}
    for folder in folders:
        for file in (ROOT / folder).rglob("__init__.py"):
            found.add("vclipbench." + ".".join(file.parent.relative_to(ROOT).parts))
    assert declared == found
