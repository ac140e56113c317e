"""Where the page leads to: what its caller knows of addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit


@dataclass(frozen=True)
class MethodLinks:
    """Of a method: the paper in words, where it is, and where its authors' code is; each may be empty."""

    paper: str = ""
    url: str = ""
    code: str = ""


@dataclass(frozen=True)
class PageLinks:
    """What the caller of the page hands over.

    Attributes:
        head: (word, address) of the links at the top of the page, in order.
        methods: id of a method -> its links.
    """

    head: tuple[tuple[str, str], ...] = ()
    methods: Mapping[str, MethodLinks] = field(default_factory=lambda: MappingProxyType({}))


def is_safe(address: str) -> bool:
    """Whether a page may link to it: https, or a path beside the page. No script, no other scheme."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if parts.scheme:
        return parts.scheme == "https" and bool(parts.netloc)
    return bool(address) and not parts.netloc and ":" not in address.split("/")[0]


def row_links(links: PageLinks, method: str) -> list[tuple[str, str, str]]:
    """(word, address, title) of a method's paper and code, as far as they are there and safe."""
    own = links.methods.get(method, MethodLinks())
    pairs = (("paper", own.url, own.paper), ("code", own.code, "the code of its authors"))
    return [(word, address, title) for word, address, title in pairs if is_safe(address)]
