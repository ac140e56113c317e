"""The card of the embedded world."""

from __future__ import annotations

from ..card import DatasetCard

CARD = DatasetCard(
    id="shapes",
    title="Shapes",
    summary="the embedded world: coloured shapes that move, made by code, written as mp4 (no download)",
    attributes=("colour", "shape", "motion"),
)
