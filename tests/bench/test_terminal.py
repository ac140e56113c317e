"""Progress where nobody looks at a terminal."""

import io

import pytest
from rich.console import Console
from vclipbench.bench import terminal


@pytest.fixture
def log(monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr(terminal, "progress_console", Console(file=text, width=60))
    return text


def test_a_line_now_and_then(log, monkeypatch):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: float(next(clock)))
    with terminal.progress() as bar:
        assert isinstance(bar, terminal.Lines)
        task = bar.add_task("training", total=1200, note="")
        for step in range(1, 7):
            bar.update(task, completed=step, note=f"loss {step}")
        other = bar.add_task("scoring", total=5, note="")
        for _ in range(3):
            bar.advance(other)
    lines = log.getvalue().splitlines()
    assert [line.partition(", ")[0] for line in lines] == [
        *("training: 3 of 1,200", "training: 6 of 1,200", "scoring: 3 of 5"),
    ]
    assert "loss 3" in lines[0]
    assert all(line.endswith(" left") for line in lines)


def test_short_work_says_nothing(log):
    with terminal.progress() as bar:
        task = bar.add_task("videos", total=3, note="")
        for _ in range(3):
            bar.advance(task)
    assert log.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "5 s"), (89, "89 s"), (600, "10 min"), (9000, "2.5 h")]
)
def test_durations(seconds, words):
    assert terminal._duration(seconds) == words
