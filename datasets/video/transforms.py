"""The transforms of a clip, all in one place: `Preprocess` and `Augment`."""

from __future__ import annotations

from .augment import Augment, multiscale_crop
from .preprocess import (
    CLIP_MEAN,
    CLIP_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
    PIPELINES,
    TORCH_PIPELINES,
    Preprocess,
)

__all__ = [
    "CLIP_MEAN",
    "CLIP_STD",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "PIPELINES",
    "TORCH_PIPELINES",
    "Augment",
    "Preprocess",
    "multiscale_crop",
]
