"""Where a run took place: versions, hardware, the state of the installed package; no names, no paths."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__

if TYPE_CHECKING:
    import torch

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "torch",
    "torchvision",
    "open_clip_torch",
    "transformers",
    "mmengine",
    "numpy",
    "opencv-python",
    "av",
    "decord",
    "torchcodec",
)
VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "CUBLAS_WORKSPACE_CONFIG",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
)


def _git(*arguments: str) -> str | None:
    """Output of git for the installed package, None if it does not stand in a checkout of its own."""
    if not (ROOT / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


@functools.cache
def _commit() -> dict[str, Any]:
    head = _git("rev-parse", "HEAD")
    diff = _git("diff", "HEAD")
    return {
        "git_commit": head.strip() if head else None,
        "git_dirty": bool(diff) if diff is not None and head else None,
        "diff_sha256": hashlib.sha256(diff.encode()).hexdigest() if diff and head else None,
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def environment(device: torch.device) -> dict[str, Any]:
    """The `environment` block of a record.

    Args:
        device: on which the run takes place; GPUs that it does not use are not named.
    """
    import torch

    cuda = device.type == "cuda"
    return {
        "version": __version__,
        **_commit(),
        "python": platform.python_version(),
        "os": f"{platform.system()} {_release()} {platform.machine()}",
        "packages": _versions(),
        "cpu": _cpu(),
        "cpu_threads": torch.get_num_threads(),
        "cuda": torch.version.cuda,
        "cudnn": str(torch.backends.cudnn.version()) if cuda else None,
        "driver": _driver() if cuda else None,
        "gpu_model": torch.cuda.get_device_name() if cuda else None,
        "gpu_count": 1 if cuda else 0,
        "nodes": 1,
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "tf32": {
            "matmul": bool(torch.backends.cuda.matmul.allow_tf32),
            "cudnn": bool(torch.backends.cudnn.allow_tf32),
        },
        "attention_kernel": None,
        "variables": {k: os.environ[k] for k in VARIABLES if k in os.environ},
    }


def _release() -> str:
    """Version of the kernel, without the words that whoever built it put behind."""
    found = re.match(r"\d+(\.\d+)*", platform.release())
    return found[0] if found else platform.release()


def _cpu() -> str:
    """Name of the processor, where the system tells it; else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _driver() -> str | None:
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.split("\n")[0].strip() or None if done.returncode == 0 else None


def argv() -> list[str]:
    """The command line, with paths relative to the working directory or cut to their last part."""
    return ["bench", *map(_shortened, sys.argv[1:])]


def _shortened(word: str) -> str:
    path = Path(word).expanduser() if word.startswith("~") else Path(word)
    if (
        path.is_absolute() or ".." in path.parts
    ):  # ../alice/secret tells as much as /home/alice/secret
        here, there = Path.cwd(), Path(os.path.abspath(path))
        return str(there.relative_to(here) if there.is_relative_to(here) else there.name)
    key, equals, value = word.partition("=")  # as in data.root=/home/me/videos
    return f"{key}={_shortened(value)}" if equals else word
