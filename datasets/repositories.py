"""The repositories whose checkouts hold lists of videos and label files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Repository:
    """One repository.

    Attributes:
        url: where it is cloned from.
        signs: as of `DatasetCard`.
        separator: between path and label in its lists, the last one of a line: names of files hold anything
            else.
    """

    url: str
    signs: tuple[str, ...]
    separator: str


REPOSITORIES = {
    "vifi-clip": Repository(
        "https://github.com/muzairkhattak/ViFi-CLIP", ("datasets_splits",), " "
    ),
    "open-vclip": Repository("https://github.com/wengzejia1/Open-VCLIP", ("zs_label_db",), ","),
}
