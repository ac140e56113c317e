"""`bench publish`: records with compact predictions, for a folder that is kept in git."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Plugins, Videos
from .verify import Results, Runs

if TYPE_CHECKING:
    import numpy as np

    from ...leaderboard.record.record import Record
    from ..verify.check import Verification


def publish(
    runs: Runs,
    out: Annotated[Path, typer.Option("--out", help="Folder that is to hold the records.")],
    results: Results = Path("runs"),
    data: Videos = None,
    map_: Annotated[
        bool,
        typer.Option("--map", help="Add a t-SNE map of the video features (up to 1,000 videos)."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Put a run over another record of the same id.")
    ] = False,
    plugin: Plugins = None,
) -> None:
    """Copy runs to a folder for git, with predictions small enough for it.

    Every record is verified first. Runs that are not done, or of a part of the data, are refused.
    """
    from ..errors import RunFailed
    from ..find_runs import find_records

    paths = find_records(runs, results)
    from ..verify.check import verify_file
    from ..verify.lists import check_data

    plugins = tuple(str(p) for p in plugin or ())
    check_data(data or (), plugins, paths)
    refused = 0
    for path in paths:
        found = verify_file(path, data or (), plugins)
        reason = _refusal(found, out)
        if reason is None:
            add = _maps(found, data or [], plugins) if map_ else {}
            reason = _publish(found, out, add, force)
        if reason is not None:
            refused += 1
            typer.secho(f"refused  {found.name}: {reason}", fg=typer.colors.RED, err=True)
    if refused:
        raise RunFailed(f"{refused} of {len(paths)} runs were not published")


def _refusal(found: Verification, out: Path) -> str | None:
    """Why a record is none to publish in a folder; None if it is."""
    from ...leaderboard.record.store import RunStore

    record = found.record
    if record is None or found.problems:
        return found.problems[0]
    if record.status != "done":
        return f"it is {record.status}, not done"
    if record.limited:
        return "it ran on a part of the data (data.limit)"
    if record.identity.eval.probe is not None:
        return "it ran with a probe, and such runs enter no table"
    assert found.rebuilt is not None
    if not found.rebuilt.told:
        return "its schema does not say what videos were scored against: repeat it with bench rerun"
    if RunStore(out).directory(record).resolve() == found.path.parent.resolve():
        return f"--out {out} holds the run itself, whose scores would be lost: give another folder"
    return None


def _maps(
    verified: Verification, data: list[str], plugins: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """First split -> its map; nothing, with a sentence, where there can be none."""
    from ..errors import RunFailed, explained
    from ..run.feature_map import feature_map
    from ..run.rerun import Here

    assert verified.record is not None
    assert verified.rebuilt is not None
    split = verified.record.identity.protocol.splits[0]
    above = verified.path.resolve().parents  # run, method, protocol, and the folder of runs
    try:
        if len(above) < 4:
            raise RunFailed(
                f"{verified.path} lies in no folder of runs, which would hold its features"
            )
        ids = verified.rebuilt.arrays[split]["ids"].tolist()
        return {split: feature_map(verified.record, ids, above[3], Here(data, plugins))}
    except Exception as error:
        explanation = explained(error)
        if explanation is None:
            raise
        typer.secho(f"no map   {verified.name}: {explanation[0]}", fg=typer.colors.YELLOW, err=True)
        return {}


def _publish(
    found: Verification, out: Path, maps: dict[str, np.ndarray], force: bool
) -> str | None:
    """Write record and predictions; the reason if they are not written."""
    from ...leaderboard.record.files import write_atomically
    from ...leaderboard.record.predictions import packed_predictions
    from ...leaderboard.record.record import parse_record
    from ...leaderboard.record.store import FILE_NAME, RunStore

    assert found.rebuilt is not None
    assert found.record is not None
    assert found.record.predictions is not None
    arrays = found.rebuilt.compacted()
    for split, places in maps.items():
        arrays[split]["map"] = places
    packed, block = packed_predictions("predictions.npz", arrays, compress=True)
    text = _text(found.text, {**block, "compact": True})
    record = parse_record(text)
    if reason := _differs(found, record, arrays):
        return reason
    folder = RunStore(out).directory(record)
    there = folder / FILE_NAME
    if there.exists() and not force and not _holds(there, text):
        return f"{there} is another record of this run; --force puts this one in its place"
    before = (found.path.parent / found.record.predictions.file).stat().st_size
    write_atomically(folder / "predictions.npz", packed)
    write_atomically(there, text.encode())
    size = f"{before / 1024:,.0f} -> {len(packed) / 1024:,.0f} KiB"
    typer.echo(f"ok       {found.name}: predictions {size}, in {folder}")
    return None


def _holds(path: Path, text: str) -> bool:
    """Whether a file is a record with this very text."""
    from ...leaderboard.record.files import read_record_bytes

    try:
        return read_record_bytes(path) == text.encode()
    except OSError:
        return False


def _text(old: str, block: dict[str, Any]) -> str:
    """The text of a record with another block of predictions and all else as it is."""
    value = json.loads(old) | {"predictions": block}
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def _differs(
    found: Verification, record: Record, arrays: dict[str, dict[str, np.ndarray]]
) -> str | None:
    """What the compact predictions would say otherwise; None: all metrics follow from them."""
    from ..verify.check import Check
    from ..verify.rebuilt import Rebuilt

    assert found.known is not None
    check = Check(Rebuilt(record, arrays, found.known.splits), found.known, intervals=False)
    check.run()
    return f"its compact predictions would differ: {check.problems[0]}" if check.problems else None
