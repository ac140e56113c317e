"""Addresses for the page of the leaderboard: of methods, from their cards, and of this project."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, metadata

from ...leaderboard.report.links import MethodLinks
from .. import registry


def method_links(methods: Iterable[str]) -> dict[str, MethodLinks]:
    """Id -> where its paper and its authors' code are, of the built-in ones among `methods`.

    The card of a plugin would have to be imported with its code, so that it is not asked.
    """
    shown = {}
    for id in sorted(set(methods) & set(registry.builtin_ids("methods"))):
        card = registry.card(id)
        shown[id] = MethodLinks(card.paper, card.url, card.code)
    return shown


def project_links() -> list[tuple[str, str]]:
    """(word, address) of the addresses that the installed package names; none where it names none."""
    try:
        lines = metadata("vclipbench").get_all("Project-URL") or []
    except PackageNotFoundError:
        return []
    pairs = (line.split(",", 1) for line in lines if "," in line)
    return [(word.strip(), address.strip()) for word, address in pairs]
