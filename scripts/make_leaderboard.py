"""Make LEADERBOARD.md and docs/leaderboard/ from the records in docs/leaderboard/records.

    python scripts/make_leaderboard.py [--check]

Same records, same bytes, on any day. --check writes nothing, and fails if a file would change.
"""

from __future__ import annotations

import argparse
import tempfile
import tomllib
from pathlib import Path

from vclipbench.bench.data.frames import captions_of, frames_of
from vclipbench.bench.describe.links import method_links
from vclipbench.leaderboard.report import build_report
from vclipbench.leaderboard.report.links import PageLinks
from vclipbench.leaderboard.tables import formats
from vclipbench.leaderboard.tables.load import Board, make_board
from vclipbench.leaderboard.tables.plots import save_plots

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path("docs/leaderboard")
HEAD = """\
# Leaderboard

Made by `make leaderboard` from the records in [docs/leaderboard/records](docs/leaderboard/records);
no number is typed by hand. What the intervals, ranks and tests are:
[docs/statistics.md](docs/statistics.md). The same as [a page](docs/leaderboard/leaderboard.html),
[CSV](docs/leaderboard/leaderboard.csv), [JSON](docs/leaderboard/leaderboard.json),
[LaTeX](docs/leaderboard/leaderboard.tex) and [plots](docs/leaderboard/plots).
[How to add your results](docs/submit-results.md).

Measured so far is the embedded world of Shapes. [What its numbers say](docs/shapes.md#all-methods-on-it),
and what they do not: why methods trained with a softmax stand beside random on ml-shapes, and what one
seed alone would have claimed on zs-shapes. Of the published benchmarks the papers' own numbers stand
below ([how they were collected](docs/reported.md)), beside cells for ours that are empty until somebody
submits a record.

The runs shared two cores with each other and with other work, one or two threads each: of what they took,
take the parameters and the arithmetic from here, and the speed from
[docs/performance.md](docs/performance.md), where it was measured alone. Rounding differs between one thread
and two, and training carries that on to other weights: a seed repeats its number with as many threads.

"""


def make(root: Path = ROOT) -> dict[Path, bytes]:
    """Every file of the leaderboard, path below the root -> content.

    Raises SystemExit if a record is not as it should be.
    """
    board = make_board(root / FOLDER / "records", reported=True)
    if board.problems:
        raise SystemExit("\n".join(board.problems))
    made = {Path("LEADERBOARD.md"): HEAD + formats.to_markdown(board.table)}
    for ending in ("csv", "json", "tex"):
        made[FOLDER / f"leaderboard.{ending}"] = formats.WRITERS[ending](board.table)
    made[FOLDER / "leaderboard.html"] = build_report(
        board.runs, board.table, frames_of, captions_of, links(board, root)
    )
    return {path: text.encode() for path, text in made.items()} | _plots(board)


def links(board: Board, root: Path = ROOT) -> PageLinks:
    """Links of the page: addresses of pyproject's [project.urls], else paths; and the files beside it."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    urls = {name.lower(): address for name, address in project.get("urls", {}).items()}
    head = (
        ("Repository", urls.get("repository", "../../README.md")),
        ("Documentation", urls.get("documentation", "../running.md")),
        ("How to read the numbers", "../statistics.md"),
        ("Submit your results", "../submit-results.md"),
        *((f, f"leaderboard.{e}") for f, e in (("CSV", "csv"), ("JSON", "json"), ("LaTeX", "tex"))),
    )
    return PageLinks(head, method_links(r.record.identity.method.name for r in board.runs))


def _plots(board: Board) -> dict[Path, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        paths = save_plots(board.table, Path(folder))
        return {FOLDER / "plots" / path.name: path.read_bytes() for path in sorted(paths)}


def main() -> None:
    """Write them, or compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    made = make()
    old = {p.relative_to(ROOT) for p in (ROOT / FOLDER / "plots").glob("*")} - set(made)
    changed = [p for p, data in made.items() if _read(ROOT / p) != data]
    if check:
        if changed or old:
            names = ", ".join(str(p) for p in sorted([*changed, *old]))
            raise SystemExit(f"not what the records give: {names}; run make leaderboard")
        return
    for path in changed:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_bytes(made[path])
    for path in old:
        (ROOT / path).unlink()
    print(f"{len(changed) + len(old)} of {len(made)} files changed")


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


if __name__ == "__main__":
    main()
