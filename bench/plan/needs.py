"""What a run takes that is not shipped: folders, lists, weights; told at once, before any is fetched."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from ...datasets import catalog
from ...datasets.annotation_files import lacking as lacking_files
from ...datasets.repositories import REPOSITORIES
from ...datasets.roots import unknown
from ...methods.backbone_sizes import weights_megabytes
from ...methods.card import Card
from ...protocols.base import Protocol
from ...protocols.lists import ListMissing, VideoList, folders_of, named_list, read_list
from ...protocols.published import Published
from ...protocols.split import Data
from ..config.schema import RunConfig
from ..errors import UserError
from .data import SHOWN, data_of

NOT_MEASURED = "not measured here"


def check_there(config: RunConfig, protocol: Protocol, card: Card) -> None:
    """Refuse a run on published data of which a folder or a list is not there, and say all that lacks.

    Raises:
        UserError: with where each is got, its layout and its size.
        ProtocolError: a list that is there and wrong.
    """
    if not isinstance(protocol, Published):
        return
    data = data_of(config, protocol)
    lists = _lists(config, protocol, card)
    folders = dict.fromkeys(id for one in lists for id in folders_of(one, data.videos))
    absent = [id for id in folders if data.roots.find(id) is None]
    blocks = [[unknown(id), *_about(id)] for id in absent]
    for one in lists:
        if not set(folders_of(one, data.videos)) & set(absent):
            blocks += _missing(one, data, blocks)
    if not blocks:
        return
    lines = [block if n == 0 else [f"and {block[0]}", *block[1:]] for n, block in enumerate(blocks)]
    weights = [_weights(config)] if card.backbone and data.videos else []
    raise UserError("\n".join([*(line for block in lines for line in block), *weights]))


def _lists(config: RunConfig, protocol: Published, card: Card) -> list[VideoList]:
    """The lists of a run, as far as the method's card tells them: its stages may want more."""
    lists = list(protocol.tests)
    if card.trains != "nothing" and config.checkpoint is None:
        variants = [protocol.target_list(v, config.seeds[0]) for v in protocol.variants]
        named = config.data.train_list
        source = named_list(named, named.replace("/", "-")) if named else protocol.source
        lists += [one for one in variants if one is not None] or [source]
    return list(dict.fromkeys(lists))


def _missing(one: VideoList, data: Data, said: Sequence[list[str]]) -> list[list[str]]:
    """What is said of a list whose annotation file lacks, unless it was said."""
    try:
        read_list(one, data)
    except ListMissing as error:
        if any(block[0] == str(error) for block in said):
            return []
        root = data.roots.find(one.dataset)
        also = lacking_files(root, catalog.card(one.dataset).annotations) if root else []
        names = [file.name for file in also if file.name not in str(error)]
        rest = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        more = [f"  not there either: {', '.join(names[:SHOWN])}{rest}"] if names else []
        return [[str(error), *more, *_about(one.dataset)]]
    return []


def _about(id: str) -> list[str]:
    """Where a dataset or a checkout is got, its size and its layout."""
    if id in REPOSITORIES:
        return [f"  a checkout, of which lists are read: git clone {REPOSITORIES[id].url}"]
    if id not in catalog.PUBLISHED:
        return []
    card = catalog.card(id)
    head = f"  {card.homepage}; videos on disk: {card.size}; bench data describe {id} says more"
    return [head, *textwrap.indent(card.layout, "    ").splitlines()]


def _weights(config: RunConfig) -> str:
    tag = config.backbone.pretrained
    if tag is None:
        return f"weights: none, {config.backbone.name} starts from random ones"
    return (
        f"weights come after the data: {weights_words(config.backbone.name)} ({tag}), fetched by "
        "open_clip where its cache lacks them; --pretrained FILE reads a file"
    )


def weights_words(backbone: str) -> str:
    """A backbone's weights with their size, in words."""
    size = weights_megabytes(backbone)
    return f"weights of {backbone}, " + (f"about {size:,} MB" if size else "size not known here")


def needs_words(ids: Iterable[str], backbone: str | None, hours: str = NOT_MEASURED) -> str:
    """The `needs` line of a plan or a protocol.

    Args:
        ids: datasets and checkouts. backbone: None where no weights are read.
        hours: what is known of the time.
    """
    parts = []
    for id in dict.fromkeys(ids):
        if id in REPOSITORIES:
            parts.append(f"lists of {id} (a checkout)")
        elif id in catalog.PUBLISHED:
            parts.append(f"videos of {id} ({catalog.card(id).size})")
        else:
            parts.append(f"videos of {id}")
    if backbone is not None and backbone != "shapes-tiny":
        parts.append(weights_words(backbone))
    return "; ".join([*(parts or ["nothing to fetch"]), f"time: {hours}"])
