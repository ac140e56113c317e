"""Layouts of weight files, told apart by their keys, each with its way from and to our own names.

Our own names ("vclipbench") are those of a method's parameters: `clip.` and open_clip's name, and what
the method has beside CLIP.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from . import clip_vip, hf_clip, vifi, vifi_prompt
from .checkpoint import WeightsError, unwrap

State = dict[str, Tensor]

INTEGERS = ("input_resolution", "context_length", "vocab_size")  # entries of OpenAI's archives
_TOKENS = "clip.token_embedding.weight"

_OWN = {
    "vifi-prompt": re.compile(r"(text|vision)_deep\.|text_context$|vision_prompt$"),
    "clip-vip": re.compile(r"(added_proxies|temporal_embedding)$"),
    "llm-multilabel": re.compile(r"(attributes|temporal)\.|bias$|logit_scale$"),
}
"""What methods have beside `clip.*`: method -> its parameters' names."""


@dataclass(frozen=True)
class Layout:
    """One layout of weight files.

    Attributes:
        title: whose files these are, for messages.
        fits: every key of such a file begins like this. marks: at least one key does.
        to_ours, from_ours: state dicts from and to the names of our methods.
        own: the parameters beside `clip.*` that it can hold; needs: whether it has to hold some.
        lacks: parameters of CLIP that it has no place for.
        wrapper: how the authors' torch files wrap the state dict: its key, and a prefix before each name.
    """

    id: str
    title: str
    fits: re.Pattern[str]
    marks: re.Pattern[str]
    to_ours: Callable[[State], State]
    from_ours: Callable[[State], State]
    own: re.Pattern[str] | None = None
    needs: bool = False
    lacks: tuple[str, ...] = ()
    wrapper: tuple[str, str] | None = None

    def matches(self, keys: Collection[str]) -> bool:
        """Whether a file with these keys has this layout."""
        return all(map(self.fits.match, keys)) and any(map(self.marks.match, keys))

    def holds(self, key: str) -> bool:
        """Whether a parameter of our methods has a place in it."""
        if key.startswith("clip."):
            return key not in self.lacks
        return self.own is not None and self.own.match(key) is not None


def _plain(state: State) -> State:
    return {f"clip.{k}": v for k, v in state.items() if k not in (*INTEGERS, "attn_mask")}


def _clip_of(state: State) -> State:
    return {k.removeprefix("clip."): v for k, v in state.items() if k.startswith("clip.")}


def _to_openai(state: State) -> State:
    clip = _clip_of(state)
    patch, rows = clip["visual.conv1.weight"].shape[-1], len(clip["visual.positional_embedding"])
    sizes = (patch * round((rows - 1) ** 0.5), len(clip["positional_embedding"]))
    numbers = (*sizes, len(clip["token_embedding.weight"]))
    return clip | {k: torch.tensor(n) for k, n in zip(INTEGERS, numbers, strict=True)}


def _from_vifi(state: State) -> State:
    return {vifi_prompt.to_own(k): v for k, v in vifi.published(state).items()}


def _to_vifi(state: State) -> State:
    return {
        vifi.to_published(k.removeprefix("clip."))
        if k.startswith("clip.")
        else vifi_prompt.to_published(k): v
        for k, v in state.items()
    }


def _from_clip_vip(state: State) -> State:
    state = {k.removeprefix(clip_vip.PREFIX): v for k, v in state.items()}
    new = {mine: state[theirs] for theirs, mine in clip_vip.NEW.items() if theirs in state}
    return new | _plain(
        hf_clip.to_open_clip({k: v for k, v in state.items() if k not in clip_vip.NEW})
    )


def _to_clip_vip(state: State) -> State:
    theirs = hf_clip.from_open_clip(_clip_of(state))
    theirs |= {name: state[mine] for name, mine in clip_vip.NEW.items() if mine in state}
    return {f"{clip_vip.PREFIX}{k}": v for k, v in theirs.items()}


_VISION_NEW = r"vision_model\.embeddings\.(added_cls|temporal_embedding)"
_CLIP_KEYS = (
    r"visual\.|transformer\.|token_embedding\.|positional_embedding$|text_projection$|ln_final\.|"
    r"logit_scale$|attn_mask$"
)
_VIFI_KEYS = r"logit_scale$|image_encoder\.|text_encoder\.|prompt_learner\.(complete|token)_"
_HF_KEYS = r"logit_scale$|(text|visual)_projection\.|(text|vision)_model\."
_OUR_MARKS = "|".join([r"clip\.", *(_OWN[m].pattern for m in ("vifi-prompt", "clip-vip"))])

LAYOUTS: dict[str, Layout] = {
    layout.id: layout
    for layout in (
        Layout(
            "vclipbench",
            "vclipbench's own",
            re.compile(
                r"(?!(module|model|clipmodel|(image|text)_encoder|(text|vision)_model|visual)\.)"
            ),
            re.compile(_OUR_MARKS),
            dict,
            dict,
            own=re.compile(""),
        ),
        Layout(
            "open_clip",
            "open_clip's CLIP",
            re.compile(_CLIP_KEYS),
            re.compile(r"visual\.|transformer\."),
            _plain,
            _clip_of,
        ),
        Layout(
            "openai",
            "OpenAI's CLIP",
            re.compile(f"{_CLIP_KEYS}|({'|'.join(INTEGERS)})$"),
            re.compile("|".join(INTEGERS)),
            _plain,
            _to_openai,
        ),
        Layout(
            "huggingface",
            "Hugging Face's CLIP",
            re.compile(f"(?!{_VISION_NEW})({_HF_KEYS})"),
            re.compile(r"(text|vision)_model\."),
            lambda state: _plain(hf_clip.to_open_clip(state)),
            lambda state: hf_clip.from_open_clip(_clip_of(state)),
        ),
        Layout(
            "vifi",
            "ViFi-CLIP",
            re.compile(rf"(?!.*\.VPT)({_VIFI_KEYS})"),
            re.compile(r"(image|text)_encoder\."),
            _from_vifi,
            _to_vifi,
            lacks=(_TOKENS,),
            wrapper=("model", "module."),
        ),
        Layout(
            "vifi-prompt",
            "ViFi-CLIP bridge-and-prompt",
            re.compile(rf"{_VIFI_KEYS}|prompt_learner\.ctx$"),
            re.compile(r"prompt_learner\.ctx$|.*\.VPT"),
            _from_vifi,
            _to_vifi,
            own=_OWN["vifi-prompt"],
            needs=True,
            lacks=(_TOKENS,),
            wrapper=("model", "module."),
        ),
        Layout(
            "open-vclip",
            "Open-VCLIP",
            re.compile(r"model\."),
            re.compile(r"model\."),
            lambda state: _plain({k.removeprefix("model."): v for k, v in state.items()}),
            lambda state: {f"model.{k}": v for k, v in _clip_of(state).items()},
            wrapper=("model_state", ""),
        ),
        Layout(
            "clip-vip",
            "CLIP-ViP",
            re.compile(rf"clipmodel\.|{_HF_KEYS}"),
            re.compile(rf"clipmodel\.|{_VISION_NEW}"),
            _from_clip_vip,
            _to_clip_vip,
            own=_OWN["clip-vip"],
            needs=True,
        ),
    )
}

TAKES = {
    **dict.fromkeys(("clip", "random", "llm-multilabel"), ()),
    **dict.fromkeys(("vifi", "vifi-image", "vifi-text"), ("vifi",)),
    "vifi-prompt": ("vifi-prompt", "vifi"),
    **dict.fromkeys(("open-vclip", "open-vclip++"), ("open-vclip",)),
    "clip-vip": ("clip-vip",),
}
"""Published layouts that a method's `load_published` takes."""


def detect(state: Mapping[str, Any]) -> str:
    """The layout of a file's content, wrapped or not.

    Raises:
        WeightsError: no layout has these keys, or several do; says which keys are in the way.
    """
    keys = list(unwrap(state))
    if not keys:
        raise WeightsError("the file holds no tensors under the names of a state dict")
    found = [layout.id for layout in LAYOUTS.values() if layout.matches(keys)]
    if len(found) == 1:
        return found[0]
    if found:
        raise WeightsError(
            f"the file's {len(keys)} keys fit several layouts ({', '.join(found)}); say which"
        )
    near = max(
        LAYOUTS.values(),
        key=lambda x: [sum(map(bool, map(p.match, keys))) for p in (x.marks, x.fits)],
    )
    strange = [k for k in keys if not near.fits.match(k)]
    if not any(map(near.marks.match, keys)) or not strange:
        raise WeightsError(
            f"the file's keys ({few(keys)}) are of none of the layouts {', '.join(LAYOUTS)}"
        )
    raise WeightsError(
        f"the file looks like {near.title} (layout {near.id}), but {len(strange)} of its {len(keys)} "
        f"keys are not of it ({few(strange)})"
    )


def explain_mismatch(
    content: Mapping[str, Any], method: str, own: Collection[str] = ()
) -> str | None:
    """Why a checkpoint is not one for a method, in one sentence; None if that is not the reason.

    Args:
        content: what the file holds, wrapped or not.
        method: its id.
        own: names of the method's parameters; then also checkpoints of ours that hold others are explained.
    """
    try:
        layout_id = detect(content)
    except WeightsError:
        return None
    if method not in TAKES or layout_id in TAKES[method]:
        return None
    layout, asks = LAYOUTS[layout_id], _asks(method)
    if layout_id in ("openai", "open_clip", "huggingface"):
        first = "" if layout_id != "huggingface" else " after bench convert --to open_clip"
        return (
            f"this is a file of {layout.title} (layout {layout_id}), which is given with --pretrained"
            f"{first}; {asks}"
        )
    if layout_id != "vclipbench":
        return f"this is a {layout.title} checkpoint (layout {layout_id}); {asks}"
    keys = [k for k in unwrap(content) if not k.startswith("clip.")]
    others = [m for m, names in _OWN.items() if keys and all(map(names.match, keys))]
    if others and method not in others:
        return f"this is a vclipbench checkpoint of the method {others[0]}; {asks}"
    strange = sorted(k for k in unwrap(content) if k not in own)
    if own and strange:
        return (
            f"this is a vclipbench checkpoint of another backbone, or of other options: method {method} "
            f"has no {few(strange)} here"
        )
    return None


def _asks(method: str) -> str:
    names = [LAYOUTS[found].title for found in TAKES[method]]
    published = f"a checkpoint of {' or '.join(names)}, or " if names else ""
    return f"method {method} wants {published}one of its own"


def few(keys: Collection[str], number: int = 3) -> str:
    """The first keys, and how many more there are."""
    first = ", ".join(list(keys)[:number])
    return first + (f" and {len(keys) - number} more" if len(keys) > number else "")
