"""The package of docs/add-a-method.md, as it stands there: built, installed, found, checked and run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from vclipbench.datasets.shapes.splits import clip
from vclipbench.datasets.shapes.store import ensure

DOCS = Path(__file__).parents[1] / "docs" / "add-a-method.md"


def blocks(kind):
    """The fenced blocks of a kind in the part on packages."""
    part = DOCS.read_text("utf-8").split("## 4.")[1]
    return re.findall(rf"```{kind}\n(.*?)```", part, re.DOTALL)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the package installed into it, without a network."""
    pytest.importorskip("setuptools", "77")
    source, target = tmp_path_factory.mktemp("clip-recency"), tmp_path_factory.mktemp("target")
    (project,), (module,) = blocks("toml"), blocks("python")
    (source / "pyproject.toml").write_text(project)
    (source / "clip_recency.py").write_text(module)
    flags = ["--quiet", "--no-build-isolation", "--no-deps", "--no-index", "--target", str(target)]
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *flags]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def test_a_method_of_another_package_gets_its_row(installed, bench, tmp_path):
    env = os.environ | {"PYTHONPATH": str(installed)}
    found = bench("list", "methods", env=env, check=0).stdout
    (line,) = [line for line in found.splitlines() if line.startswith("recency ")]
    assert line.endswith("[clip-recency 0.1.0]")
    # all of a few videos: a run cut short by data.limit would enter no table
    for i, path in enumerate(ensure([clip("zs1-val", i) for i in range(4)])):
        file = tmp_path / "mine" / ("jump", "wave")[i % 2] / f"{i}.mp4"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(path.read_bytes())
    words = ("--protocol", "zs-folder", "--data", "mine", "--backbone", "shapes-tiny")
    bench("run", "--method", "recency", *words, env=env, check=0)
    table = bench("leaderboard", "runs", env=env, check=0).stdout
    assert [line for line in table.splitlines() if line.startswith("| recency |")]


def test_it_meets_the_requirements(installed, shapes_cache, tmp_path):
    code = (
        "from vclipbench.bench.checks import check_method\n"
        "findings = check_method('recency', protocols=['b2n-shapes'])\n"
        "assert len(findings) == 13\n"
        "print([f for f in findings if f.verdict != 'pass'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(installed)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stdout + done.stderr
