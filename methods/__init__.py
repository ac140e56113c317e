"""The interface of a method, the CLIP backbone, and one file per method with its card beside it.

`BUILTIN` names what ships with the package without importing it: id -> "module:Class". The card of
`module` is `<module>.yaml` in this folder: summary, paper, options, recipes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import Batch, Method, Stage
    from .build import build_method

BUILTIN = {
    "clip": "vclipbench.methods.clip:MeanCLIP",
    "clip-vip": "vclipbench.methods.clip_vip:CLIPViP",
    "open-vclip": "vclipbench.methods.open_vclip:OpenVCLIP",
    "open-vclip++": "vclipbench.methods.open_vclip:OpenVCLIPPlus",
    "llm-multilabel": "vclipbench.methods.llm_multilabel:LLMMultilabel",
    "random": "vclipbench.methods.random:RandomScores",
    "vifi": "vclipbench.methods.vifi:ViFiCLIP",
    "vifi-prompt": "vclipbench.methods.vifi_prompt:ViFiPrompt",
    "vifi-image": "vclipbench.methods.vifi:ViFiImage",
    "vifi-text": "vclipbench.methods.vifi:ViFiText",
}
ENTRY_POINTS = "vclipbench.methods"

__all__ = ["BUILTIN", "ENTRY_POINTS", "Batch", "Method", "Stage", "build_method"]


def __getattr__(name: str) -> Any:
    if name in ("Batch", "Method", "Stage", "METHODS"):
        from . import base

        return getattr(base, name)
    if name == "build_method":
        from .build import build_method

        return build_method
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
