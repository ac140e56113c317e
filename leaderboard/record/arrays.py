"""Which arrays the predictions of a split hold, and how they fit together; anything else is refused.

Of N videos and K candidates, by what videos are scored against:

- all: `ids` [N], distinct texts; `groups` [N], texts: what a video shares a source with, "" for nothing;
  `content` [N]: the first 16 hex digits of the SHA-256 of the video's file, "" where it is not known.
- classes: `target` [N], a row of the classes; `map` [N, 2], places for a picture.
- labels: `target` [N, K], 0 or 1.
- captions: `captions` [N], how many each video has; their sum is K; `cosines` [N, K].
- `scores` [N, K], float32; or what `compact` puts in their place, never both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .compact import WAYS

if TYPE_CHECKING:
    import numpy as np

    Arrays = Mapping[str, np.ndarray]

CONTENT_DIGITS = 16
_CONTENT = re.compile(rf"([0-9a-f]{{{CONTENT_DIGITS}}})?")
_TEXT, _WHOLE, _REAL = "U", "iu", "f"
_WORDS = {_TEXT: "texts", _WHOLE: "integers", _REAL: "floating-point numbers"}
_RANKS = tuple(f"{way}_{what}" for way in WAYS for what in ("rank", "tied"))
# name -> kinds of dtype, and numbers of dimensions
_KNOWN: dict[str, tuple[str, tuple[int, ...]]] = {
    "ids": (_TEXT, (1,)),
    "groups": (_TEXT, (1,)),
    "content": (_TEXT, (1,)),
    "target": (_WHOLE, (1, 2)),
    "captions": (_WHOLE, (1,)),
    "scores": (_REAL, (2,)),
    "cosines": (_REAL, (2,)),
    "ranks": (_WHOLE, (2,)),
    "map": (_WHOLE, (2,)),
}
for _name in _RANKS:  # text to video has a rank for each caption
    _shapes = (1, 2) if _name.startswith("t2v") else (1,)
    _KNOWN[_name] = (_REAL if _name.endswith("rank") else _WHOLE, _shapes)


def check_arrays(split: str, arrays: Arrays) -> None:
    """Refuse the arrays of a split that cannot be what a run scored. Which are lacking is not asked.

    Raises:
        ValueError: one sentence that names the split and the array.
    """
    if "ids" not in arrays:
        raise ValueError(f"predictions of {split} lack ids")
    _check_one(split, "ids", arrays["ids"], None)
    number = len(arrays["ids"])
    if not number:
        raise ValueError(f"predictions of {split} hold no items")
    for name, array in arrays.items():
        _check_one(split, name, array, number)
    ids = arrays["ids"].tolist()
    if len(set(ids)) < len(ids):
        raise ValueError(f"predictions of {split} name one id twice")
    if wrong := _misfit(arrays):
        raise ValueError(f"predictions of {split} hold {wrong}")


def _check_one(split: str, name: str, array: np.ndarray, number: int | None) -> None:
    """Type, shape and values of one array by itself."""
    import numpy as np

    where = f"{split}/{name}"
    if "/" in split + name or not name:
        raise ValueError(f"{where} is no name for an array")
    if name not in _KNOWN:
        raise ValueError(f"{where} is none of the arrays of predictions ({', '.join(_KNOWN)})")
    kinds, dimensions = _KNOWN[name]
    if array.dtype.kind not in kinds:
        raise ValueError(f"{where} is {array.dtype}, not {_WORDS[kinds]}")
    if name == "scores" and array.dtype.itemsize != 4:
        raise ValueError(f"{where} is {array.dtype}, not float32")
    if array.ndim not in dimensions or (number is not None and len(array) != number):
        items = "ids" if number is None else f"{number} ids"
        raise ValueError(f"{where} has the shape {array.shape} for {items}")
    if name == "map" and array.shape[1] != 2:
        raise ValueError(f"{where} has the shape {array.shape}, not two places for each id")
    if kinds == _REAL and not np.isfinite(array).all():
        raise ValueError(f"{where} holds NaN or infinities")
    if kinds == _TEXT:
        _check_texts(where, array)
    if name == "content" and not all(map(_CONTENT.fullmatch, array.tolist())):
        raise ValueError(f"{where} holds texts that are no digests of {CONTENT_DIGITS} digits")


def _check_texts(where: str, array: np.ndarray) -> None:
    """Digests are of UTF-8, which has no place for half a surrogate pair."""
    try:
        "".join(array.tolist()).encode()
    except ValueError:
        raise ValueError(f"{where} holds texts that are not Unicode") from None


def _misfit(arrays: Arrays) -> str | None:
    """What does not go together, or not with the other arrays; None if all do."""
    ranked = [name for name in _RANKS if name in arrays]
    small = ["ranks"] * ("ranks" in arrays) + ranked
    large = [name for name in ("scores", "cosines") if name in arrays]
    if large and small:
        return f"both {large[0]} and {small[0]}, of which one takes the other's place"
    if "target" in arrays and "captions" in arrays:
        return "both a target and captions"
    if "target" in arrays:
        strange = [name for name in (*ranked, "cosines") if name in arrays]
        return f"{strange[0]} without captions" if strange else _misfit_of_target(arrays)
    if "captions" in arrays:
        return "ranks beside captions" if "ranks" in arrays else _misfit_of_captions(arrays, ranked)
    return None


def _misfit_of_target(arrays: Arrays) -> str | None:
    import numpy as np

    target, table = arrays["target"], arrays.get("scores", arrays.get("ranks"))
    if table is None:
        return None
    columns = table.shape[1]
    if target.ndim == 2:
        if target.shape != table.shape or not np.isin(target, (0, 1)).all():
            return f"a target that is not 0 or 1 for each of its {columns} labels"
        return None if columns else "scores of no label"
    beyond = np.flatnonzero((target < 0) | (target >= columns))
    if len(beyond):
        return f"a target that names class {target[beyond[0]]}, counted from 0, of {columns}"
    return None


def _misfit_of_captions(arrays: Arrays, ranked: list[str]) -> str | None:
    captions = arrays["captions"]
    most = int(captions.max())
    if captions.min() < 1:
        return "videos without a caption"
    if "scores" in arrays:
        shape = arrays["scores"].shape
        # the largest first: a sum of huge numbers overflows
        if most > shape[1] or int(captions.sum()) != shape[1]:
            return f"other numbers of captions than scores, which are of {shape[1]}"
        if "cosines" in arrays and arrays["cosines"].shape != shape:
            return "cosines of another shape than the scores"
    elif "cosines" in arrays:
        return "cosines without scores"
    for name in ranked:
        wide = name.startswith("t2v") and most > 1
        if arrays[name].shape[1:] != ((most,) if wide else ()):
            return f"{name} of the shape {arrays[name].shape} for up to {most} captions a video"
    for pair in (("t2v", "v2t"), ("dsl_t2v", "dsl_v2t")):
        wanted = {f"{way}_{what}" for way in pair for what in ("rank", "tied")}
        there = wanted & set(ranked)
        if there and there != wanted:
            return f"{min(there)} without {min(wanted - there)}"
    if most > 1 and "dsl_t2v_rank" in ranked:
        return "dsl_t2v_rank where videos have several captions"
    return None
