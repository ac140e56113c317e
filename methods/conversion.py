"""Conversion of weight files between layouts: tensors keep their bits, what has no place is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from . import vifi
from .checkpoint import WeightsError, unwrap
from .layouts import INTEGERS, LAYOUTS, Layout, State, detect, few

_BLOCK_PARTS = [
    f"{part}.{leaf}"
    for part in ("attn.out_proj", "ln_1", "ln_2", "mlp.c_fc", "mlp.c_proj")
    for leaf in ("weight", "bias")
] + ["attn.in_proj_weight", "attn.in_proj_bias"]
_TOP = {
    "": (
        *("positional_embedding", "text_projection", "token_embedding.weight"),
        *("ln_final.weight", "ln_final.bias"),
    ),
    "visual.": (
        *("class_embedding", "positional_embedding", "proj", "conv1.weight"),
        *("ln_pre.weight", "ln_pre.bias", "ln_post.weight", "ln_post.bias"),
    ),
}
_BLOCK = re.compile(r"(visual\.)?transformer\.resblocks\.(\d+)\.(.+)")


@dataclass
class Converted:
    """A converted state dict, and what happened on the way.

    Attributes:
        state: in the target's layout, not wrapped.
        ours: the same in our names (before what the target has no place for was dropped).
        derived: keys of the source that follow from others or from a list of classes, not carried over.
        dropped: parameters of ours that the target has no place for. filled: those taken from `clip`.
    """

    state: State
    ours: State
    source: str
    derived: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    filled: list[str] = field(default_factory=list)


def convert(
    content: Mapping[str, Any],
    target: str,
    source: str | None = None,
    clip: Mapping[str, Any] | None = None,
    drop: bool = False,
) -> Converted:
    """A file's content in another layout; the tensors' bits stay as they are.

    Args:
        content: what the file holds, wrapped or not.
        target, source: ids of `LAYOUTS`; without a source it is detected.
        clip: content of a CLIP file that gives the parameters of CLIP that `content` lacks.
        drop: leave out what the target has no place for, instead of refusing.

    Raises:
        WeightsError: the layout is not what it should be, the target lacks a place for something, or
            needs something that is not there.
    """
    source = source or detect(content)
    state = unwrap(content)
    if not LAYOUTS[source].matches(list(state)):
        raise WeightsError(f"the file is not of the layout {source}: {_why_not(state, source)}")
    ours = _ours(state, source)
    made = Converted({}, ours, source, derived=_derived(state, source))
    wanted = LAYOUTS[target]
    if clip is not None:
        made.filled = _fill(ours, clip, wanted)
    left = sorted(k for k in ours if not wanted.holds(k))
    if left and not drop:
        raise WeightsError(
            f"layout {target} has no place for {few(left)}; with --drop it is left out"
        )
    made.dropped = left
    kept = {k: v for k, v in ours.items() if k not in left}
    if target != "vclipbench":
        _check_complete(kept, wanted)
    made.state = wanted.from_ours(kept)
    return made


def wrapped(state: State, layout: str) -> dict[str, Any]:
    """A state dict in the wrapping of the authors' torch files."""
    wrapper = LAYOUTS[layout].wrapper
    if wrapper is None:
        return dict(state)
    key, prefix = wrapper
    return {key: {f"{prefix}{k}": v for k, v in state.items()}}


def sizes(ours: Mapping[str, Tensor]) -> dict[str, str]:
    """The backbone's measures as texts, as far as the file holds them: `image encoder`, ..."""
    found: dict[str, str] = {}
    get = {k.removeprefix("clip."): v.shape for k, v in ours.items()}.get
    patch, places = get("visual.conv1.weight"), get("visual.positional_embedding")
    if patch and places:
        side = patch[-1] * round((places[0] - 1) ** 0.5)
        layers = _layers(ours, "visual.")
        found["image encoder"] = (
            f"ViT, {layers} layers, width {patch[0]}, patch {patch[-1]}, {side} px"
        )
    if place := get("positional_embedding"):
        words = get("token_embedding.weight")
        table = f"{words[0]} tokens" if words else "no token table"
        found["text encoder"] = (
            f"{_layers(ours, '')} layers, width {place[1]}, context {place[0]}, {table}"
        )
    if proj := get("visual.proj") or get("text_projection"):
        found["joint dimension"] = str(proj[1])
    own = {k: list(v.shape) for k, v in ours.items() if not k.startswith("clip.")}
    if own:
        found["beside CLIP"] = ", ".join(f"{k} {v}" for k, v in sorted(own.items()))
    return found


def _why_not(state: State, source: str) -> str:
    layout = LAYOUTS[source]
    strange = [k for k in state if not layout.fits.match(k)]
    if strange:
        return f"{len(strange)} of its {len(state)} keys do not fit ({few(strange)})"
    return "no key is typical of it" + (f" ({few(list(state))})" if state else "")


def _derived(state: State, source: str) -> list[str]:
    """Keys that are not carried over: sizes, positions, masks, and what follows from a class list."""
    ends = (*INTEGERS, "attn_mask", "position_ids", *vifi.CLASS_BUFFERS)
    return sorted(k for k in state if k.rpartition(".")[2] in ends and source != "vclipbench")


def _ours(state: State, source: str) -> State:
    """In our names; every parameter under `clip.` is one that a plain CLIP has.

    Raises:
        WeightsError: keys of a CLIP that is built otherwise, such as one with a ResNet.
    """
    try:
        ours = LAYOUTS[source].to_ours(state)
    except RuntimeError as error:  # a shape that cannot be packed or transposed
        raise WeightsError(f"the file's tensors do not fit the layout {source}: {error}") from None
    strange = [k for k in ours if k.startswith("clip.") and not _is_clip(k[5:])]
    if strange:
        raise WeightsError(
            f"the file holds {few(strange)}, which a CLIP with a vision transformer does not have"
        )
    return ours


def _is_clip(name: str) -> bool:
    block = _BLOCK.fullmatch(name)
    if block:
        return block[3] in _BLOCK_PARTS
    side = "visual." if name.startswith("visual.") else ""
    return name == "logit_scale" or name.removeprefix(side) in _TOP[side]


def _layers(ours: Mapping[str, Tensor], side: str) -> int:
    blocks = (_BLOCK.fullmatch(k.removeprefix("clip.")) for k in ours)
    return 1 + max((int(b[2]) for b in blocks if b and (b[1] or "") == side), default=-1)


def _check_complete(ours: State, layout: Layout) -> None:
    names = ["logit_scale"]
    for side, top in _TOP.items():
        names += [side + name for name in top]
        for layer in range(max(1, _layers(ours, side))):
            block = f"{side}transformer.resblocks.{layer}."
            names += [block + part for part in _BLOCK_PARTS]
    missing = [f"clip.{n}" for n in names if f"clip.{n}" not in ours]
    missing = [k for k in missing if k not in layout.lacks]
    if missing:
        raise WeightsError(
            f"layout {layout.id} needs {few(missing)}, which the file does not hold; give the CLIP that "
            "it was trained from with --clip FILE"
        )
    if layout.needs and not any(layout.own and layout.own.match(k) for k in ours):
        raise WeightsError(
            f"layout {layout.id} needs the parameters that {layout.title} adds to CLIP, which the file "
            "does not hold"
        )


def _fill(ours: State, clip: Mapping[str, Any], target: Layout) -> list[str]:
    """Add what `ours` lacks from a CLIP; returns the names."""
    other = _ours(unwrap(clip), detect(clip))
    for key in sorted(ours.keys() & other.keys()):
        if ours[key].shape != other[key].shape:
            raise WeightsError(
                f"--clip is a CLIP of other sizes: {key} is {list(other[key].shape)} there and "
                f"{list(ours[key].shape)} in the file"
            )
    filled = sorted(k for k in other if k.startswith("clip.") and k not in ours and target.holds(k))
    ours.update({k: other[k] for k in filled})
    return filled
