"""The datasets that ship with the package, by id (described without importing a video reader)."""

from __future__ import annotations

BUILTIN = {
    "shapes": "the embedded world: coloured shapes that move, made by code, written as mp4 (no download)",
    "folder": "any videos of yours: ROOT/<class name>/<video>, or a CSV with path,label",
}
ENTRY_POINTS = "vclipbench.datasets"
