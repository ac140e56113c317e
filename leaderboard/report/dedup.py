"""Equal parts of a JSON value written once: records of one matrix are mostly the same."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

REF = "$"
"""Key of a reference: `{"$": 3}` stands for the fourth value of the pool."""
_SHORT = 24  # characters; a reference to less would save nothing


def pooled(value: Any) -> dict[str, Any]:
    """`{"pool": [...], "root": ...}`: `value` with every repeated part replaced by a reference.

    A value of the pool refers only to earlier ones. Dicts lose their order to sorted keys; of a key that
    begins with `$`, as options of a method may, the sign is doubled.
    """
    value = _escaped(value)
    texts: dict[int, str] = {}
    _write(value, texts)
    counts: Counter[str] = Counter()
    _count(value, texts, counts)
    places: dict[str, int] = {}
    pool: list[Any] = []
    root = _replaced(value, texts, counts, places, pool)
    return {"pool": pool, "root": root}


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            REF + key if key.startswith(REF) else key: _escaped(item) for key, item in value.items()
        }
    return [_escaped(item) for item in value] if isinstance(value, list) else value


def _write(value: Any, texts: dict[int, str]) -> str:
    """The canonical text of `value`; remembers it and that of all its parts by their ids."""
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}:{_write(item, texts)}" for key, item in sorted(value.items())]
        text = "{" + ",".join(parts) + "}"
    elif isinstance(value, list):
        text = "[" + ",".join(_write(item, texts) for item in value) + "]"
    else:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    texts[id(value)] = text
    return text


def _count(value: Any, texts: dict[int, str], counts: Counter[str]) -> None:
    """Count values; the parts of one that came before are not counted again."""
    text = texts[id(value)]
    counts[text] += 1
    if counts[text] == 1 and isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            _count(item, texts, counts)


def _replaced(
    value: Any,
    texts: dict[int, str],
    counts: Counter[str],
    places: dict[str, int],
    pool: list[Any],
) -> Any:
    if not isinstance(value, (dict, list, str)):
        return value
    text = texts[id(value)]
    repeated = len(text) > _SHORT and counts[text] > 1
    if repeated and text in places:
        return {REF: places[text]}
    new: Any = value
    if isinstance(value, dict):
        new = {k: _replaced(v, texts, counts, places, pool) for k, v in sorted(value.items())}
    elif isinstance(value, list):
        new = [_replaced(item, texts, counts, places, pool) for item in value]
    if not repeated:
        return new
    places[text] = len(pool)
    pool.append(new)
    return {REF: places[text]}
