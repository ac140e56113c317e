"""Plain CLIP over frames."""

from __future__ import annotations

from .base import METHODS, Method


@METHODS.register_module("clip")
class MeanCLIP(Method):
    """CLIP, frame features averaged, no training. Radford et al., 2021."""
