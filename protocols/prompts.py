"""Named sets of prompt templates, as papers and their code have them."""

from __future__ import annotations

from typing import Any

_NOUNS = ("photo", "video", "example", "demonstration")
_PHRASES = ("", "a person ", *(f"a person {x} " for x in ("using", "doing", "during")))
_PHRASES = (*_PHRASES, "a person performing ", "a person practicing ")

SETS: dict[str, tuple[str, ...]] = {
    # trained models of ViFi-CLIP, base-to-novel to fully supervised
    "vifi": ("a photo of a {}.",),
    # ViFi-CLIP's code for CLIP without training
    "bare": ("{}",),
    # 4 nouns times 7 phrases, "a example" as in Open-VCLIP's code; text features are averaged
    "open-vclip": tuple(f"a {noun} of {phrase}{{}}." for noun in _NOUNS for phrase in _PHRASES),
}


def templates(value: Any) -> Any:
    """The templates that a set's name stands for; a list as it is.

    A list with a set's name as its one entry is that set too, as flags that repeat make lists.

    Raises:
        ValueError: a word that is no set's name.
    """
    if isinstance(value, list) and len(value) == 1 and value[0] in SETS:
        value = value[0]
    if not isinstance(value, str):
        return value
    if value not in SETS:
        raise ValueError(
            f"{value!r} is no set of templates ({', '.join(SETS)}) and no list of them, such as "
            "['a photo of a {}.']"
        )
    return list(SETS[value])
