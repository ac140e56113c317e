"""Where the real annotation files are; a test that asks for them skips where they are absent."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

ANNOTATIONS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "annotations"
SOURCES = {"vifi-clip": "muzairkhattak/ViFi-CLIP", "open-vclip": "wengzejia1/Open-VCLIP"}


@pytest.fixture(scope="session")
def annotations() -> Path:
    if not ANNOTATIONS.is_dir():
        pytest.skip("the annotation files ../shared/data/annotations are absent")
    return ANNOTATIONS.resolve()


@pytest.fixture(scope="session")
def checkouts(annotations: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Repository -> a folder of links to the files copied from it, at their places there."""
    manifest = _rows(annotations / "MANIFEST.csv")
    roots = {name: tmp_path_factory.mktemp(name) for name in SOURCES}
    for name, source in SOURCES.items():
        for row in manifest:
            if row["source"] == source:
                file = annotations.parent / row["file"]
                ending = ".gz" if file.suffix == ".gz" else ""
                link = roots[name] / (row["source_path"] + ending)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(file)
    return roots


@pytest.fixture(scope="session")
def derived(annotations: Path) -> Callable[[str], list[dict[str, str]]]:
    """Reads a table of the folder `derived`, and MANIFEST.csv."""
    return lambda name: _rows(annotations / ("" if name == "MANIFEST.csv" else "derived") / name)


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))
