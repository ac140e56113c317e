"""Where what can be made again is kept."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_root() -> Path:
    """The cache folder: $VCLIPBENCH_CACHE, else the user's cache folder of this platform."""
    chosen = os.environ.get("VCLIPBENCH_CACHE")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("vclipbench")
