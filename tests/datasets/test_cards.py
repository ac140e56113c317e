"""Cards of the datasets: complete, light, and at one with the sets that the leaderboard keeps."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
from vclipbench.datasets import catalog
from vclipbench.datasets.repositories import REPOSITORIES
from vclipbench.leaderboard.report.splits import ATTRIBUTES
from vclipbench.leaderboard.statistics.items import GROUPS_WITHIN_CLASS
from vclipbench.protocols.audit import comparable

# videos of two of these can be compared
YOUTUBE = {"k400", "k600", "msvd", "activitynet"}


@pytest.mark.parametrize("id", catalog.BUILTIN)
def test_a_card_is_of_its_id_and_has_a_line(id: str) -> None:
    card = catalog.card(id)
    assert card.id == id
    assert card.title
    assert card.summary
    assert "\n" not in card.summary


@pytest.mark.parametrize("id", catalog.PUBLISHED)
def test_the_card_of_a_published_dataset_is_complete(id: str) -> None:
    card, module = catalog.card(id), catalog.BUILTIN[id].partition(":")[0]
    assert all((card.what, card.homepage, card.licence, card.layout, card.annotations, card.counts))
    assert card.signs
    assert not set(card.counts) & set(card.uncounted)
    assert bool(card.n_classes) == hasattr(importlib.import_module(module), "classes")


def test_no_two_have_the_same_sign() -> None:
    signs = [sign for id in catalog.PUBLISHED for sign in catalog.card(id).signs]
    signs += [sign for repository in REPOSITORIES.values() for sign in repository.signs]
    assert len(set(signs)) == len(signs)


def test_cards_cost_no_heavy_import() -> None:
    code = (
        "import sys; from vclipbench.datasets import catalog\n"
        "assert all(catalog.card(id).summary for id in catalog.BUILTIN)\n"
        "print([m for m in ('numpy', 'pandas', 'av', 'cv2', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_leaderboard_knows_whose_groups_are_numbered_within_a_class() -> None:
    cards = [catalog.card(id) for id in catalog.BUILTIN]
    assert {card.id for card in cards if card.groups_within_class} == GROUPS_WITHIN_CLASS


def test_the_page_knows_the_attributes_of_classes() -> None:
    cards = [catalog.card(id) for id in catalog.BUILTIN]
    assert {card.id: card.attributes for card in cards if card.attributes} == ATTRIBUTES


def test_ids_with_one_scheme_are_comparable() -> None:
    for one in catalog.BUILTIN:
        for other in catalog.BUILTIN:
            assert comparable(one, other) == (one == other or {one, other} <= YOUTUBE)
    assert not comparable("k400", "a plugin's")
    assert comparable("a plugin's", "a plugin's")
