"""A miniature root of published datasets for whole runs, made once a session."""

from __future__ import annotations

import contextlib
import io
from functools import cache
from pathlib import Path

import fake_root as maker
from annotation_roots import link_roots

DATASETS = ("hmdb51", "k600", "msvd", "charades")


@cache
def fake_root(base: Path) -> Path:
    """A folder in `base` with one video a class of each list; tests that change it copy it."""
    annotations = link_roots(base / "annotations")
    words = [*DATASETS, "--annotations", annotations, "--out", base / "fake", "--per-class", 1]
    with contextlib.redirect_stdout(io.StringIO()):
        assert maker.main(list(map(str, words))) == 0
    return base / "fake"
