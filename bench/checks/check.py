"""What every method has to fulfil, checked one requirement at a time on the embedded world."""

from __future__ import annotations

import io
import math
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

from ..errors import UserError, explained, one_line
from ..registry import card, check_files, ids, protocol, resolve
from . import pieces, requirements, training
from .fixtures import NotApplicable, Subject, Unmet, named

Verdict = Literal["pass", "FAIL", "not trained", "not checked"]
PASS: Verdict = "pass"
FAIL: Verdict = "FAIL"
NOT_TRAINED: Verdict = "not trained"
NOT_CHECKED: Verdict = "not checked"


@dataclass(frozen=True)
class Result:
    """One requirement: what was checked, what came out, and why where it is no plain pass."""

    requirement: str
    verdict: Verdict
    reason: str = ""


def check_method(
    name: str,
    plugins: Sequence[str | Path] = (),
    protocols: Sequence[str] | None = None,
    tell: Callable[[str], None] = lambda requirement: None,
) -> list[Result]:
    """Run a method through all requirements, in miniature; what it prints is swallowed.

    Args:
        name: id of the method. plugins: files of `--plugin`.
        protocols: ids to run it through; None: all on the embedded world.
        tell: called with the name of each requirement before it is checked.

    Raises:
        UserError: unknown id, or a plugin that cannot be imported.
    """
    files = tuple(str(p) for p in plugins)
    check_files(files)
    resolve("methods", name, files)
    card(name, files)
    subject = Subject(name, files, tuple(protocols or shapes_protocols(files)))
    checks: list[tuple[str, Callable[[], Any]]] = [("it can be built", subject.build)]
    checks += [(text, partial(check, subject)) for text, check in _REQUIREMENTS]
    checks += [(f"run {p}", partial(_run, subject, p)) for p in subject.protocols]
    return findings_of(checks, "it cannot be built", lambda: subject.file, tell)


def findings_of(
    checks: Iterable[tuple[str, Callable[[], Any]]],
    hopeless: str,
    file: Callable[[], str],
    tell: Callable[[str], None],
) -> list[Result]:
    """Check requirements in order, and none more where the first one fails; what is printed is swallowed.

    Args:
        checks: each requirement with what checks it. hopeless: why the others were not checked.
        file: of the plugin, as far as it is known. tell: called with each requirement before it.
    """
    findings: list[Result] = []
    for requirement, check in checks:
        tell(requirement)
        if findings and findings[0].verdict == FAIL:
            findings.append(Result(requirement, NOT_CHECKED, hopeless))
            continue
        with quiet():
            findings.append(finding(requirement, check, file))
    return findings


def shapes_protocols(plugins: Sequence[str] = ()) -> list[str]:
    """Ids of the protocols on the embedded world."""
    found = []
    for id in ids("protocols", plugins):
        try:
            if protocol(id, plugins).dataset == "shapes":
                found.append(id)
        except UserError:  # somebody's broken package is no fault of this method
            continue
    return found


def finding(requirement: str, check: Callable[[], Any], file: Callable[[], str]) -> Result:
    """One requirement checked; an error is a FAIL, with its line where it is in what `file` then gives."""
    try:
        note = check()
        return Result(requirement, PASS, note or "")
    except NotApplicable as left:
        return Result(requirement, *left.args)
    except (Exception, SystemExit) as error:  # whatever the method does
        known = isinstance(error, Unmet) or explained(error)
        text = " ".join(str(error).split()) if known else one_line(error)
        return Result(requirement, FAIL, shorten(text, 200) + _place(error, file()))


def _place(error: BaseException, own: str) -> str:
    """Where in a plugin's own file it happened: " (mine.py, line 12)"."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == own]
    return f" ({Path(own).name}, line {lines[-1]})" if own and lines else ""


@contextmanager
def quiet() -> Iterator[None]:
    """What is printed is swallowed."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _run(subject: Subject, id: str) -> str:
    """Train, evaluate and record under a protocol, with a few videos."""
    from ...leaderboard.record.store import load_records
    from ..run.session import Session

    with tempfile.TemporaryDirectory(prefix="vclipbench-check-") as folder:
        session = Session(subject.config(id), Path(folder), "auto", "missing", subject.plugins)
        session.run(dry=False)
        problems: list[str] = []
        records = load_records(Path(folder), problems)
    bad = [r for r in records if r.status != "done" or not r.metrics]
    if problems or bad or not records:
        raise Unmet(problems[0] if problems else "a run is not done" if bad else "no record")
    values = [m for r in records for m in r.metrics]
    if wrong := [m.name for m in values if not math.isfinite(m.value)]:
        raise Unmet(f"metrics are not finite: {named(wrong)}")
    trained = any(r.identity.train for r in records)
    return ("trained" if trained else "not trained") + f", records: {len(records)}"


_REQUIREMENTS: tuple[tuple[str, Callable[[Subject], Any]], ...] = (
    ("features count videos and texts", requirements.first_dimension),
    ("features have unit norm", requirements.unit_norms),
    ("scores are [B, K] and finite", requirements.finite_scores),
    ("one frame", requirements.one_frame),
    ("one class", requirements.one_class),
    ("text longer than the context", requirements.long_text),
    ("batch independence", requirements.batch_independence),
    ("determinism", requirements.determinism),
    ("gradients reach what is trained", training.gradients),
    ("training in pieces is the same", pieces.pieces),
    ("save and load", training.save_and_load),
)
