"""From class names and templates to the texts that a method sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...protocols.split import Split


def prompts_of(classes: Sequence[str], templates: Sequence[str]) -> list[str]:
    """All prompts, class by class: K * P texts."""
    return [template.format(name) for name in classes for template in templates]


def templates_of(split: Split, prompts: Sequence[str]) -> list[str]:
    """The templates of a split: captions stand for themselves."""
    return ["{}"] if split.kind == "captions" else list(prompts)


def ensembling_of(templates: Sequence[str]) -> str:
    """How several templates of a class become one text feature."""
    return "single" if len(templates) == 1 else "mean-of-unit-features"
