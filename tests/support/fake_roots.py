"""A miniature root of published datasets for whole runs, made once a session."""

from __future__ import annotations

import contextlib
import io
from functools import cache
from pathlib import Path

from annotation_roots import link_roots
from script_modules import load_script

DATASETS = ("hmdb51", "k600", "msvd", "charades")


@cache
def fake_root(base: Path) -> Path:
    """A folder in `base` with one video a class of each list; tests that change it copy it."""
    annotations = link_roots(base / "annotations")
    script = load_script("fake_root")
    words = [*DATASETS, "--annotations", annotations, "--out", base / "fake", "--per-class", 1]
    with contextlib.redirect_stdout(io.StringIO()):
        assert script.main(list(map(str, words))) == 0
    return base / "fake"
