"""The demo's two runs through the command line, in a folder of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .setting import Setting
from .speed import shown

HEAD = ("run on b2n-shapes", "s in all", "s training", "s encoding", "hm %")
RUNS = ("clip", "vifi")
_SMALL = ("--set", "data.limit=4", "--set", "train.epochs=1", "--set", "data.workers=0")


class DemoFailed(Exception):
    """The command ended with an error; says its last line."""


def demo_row(method: str, setting: Setting) -> list[str]:
    """Run `bench run` on the device, and read its record.

    Raises:
        DemoFailed: it ended with another exit code than 0.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "vclipbench.bench.cli", "run", "--method", method]
        command += ["--protocol", "b2n-shapes", "--device", setting.device.type, "--out", folder]
        begun = time.perf_counter()
        given = {"capture_output": True, "text": True, "check": False}
        done = subprocess.run(command + list(_SMALL if setting.small else ()), **given)
        seconds = time.perf_counter() - begun
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
            raise DemoFailed(f"exit code {done.returncode}: {lines[-1]}")
        record = json.loads(next(Path(folder).rglob("record.json")).read_text())
    return [method, shown(seconds, 1), *_figures(record)]


def _figures(record: dict[str, Any]) -> list[str]:
    parts = record["cost"]["seconds"]
    hm = next(metric["value"] for metric in record["metrics"] if metric["name"] == "hm")
    return [shown(parts.get("train"), 1), shown(parts.get("encode"), 1), shown(hm, 1)]
