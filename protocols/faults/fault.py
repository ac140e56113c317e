"""What is known of one fault of a published list or evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["lists", "names", "prompts", "views", "loader", "metric", "selection", "training"]

# kind -> what its faults are faults of, in the order of the page
KINDS: dict[Kind, str] = {
    "lists": "Lists of videos and classes",
    "names": "Class names",
    "prompts": "Prompts",
    "views": "Views and pixels",
    "loader": "Loaders",
    "metric": "Metrics",
    "selection": "Choice of the checkpoint",
    "training": "Training",
}
# family -> patterns of its protocols; those of Shapes and of users' own videos match none
PATTERNS = {
    "zs": ("zs-ucf101*", "zs-hmdb51*", "zs-k600*"),
    "b2n": ("b2n-k400", "b2n-hmdb51*", "b2n-ucf101*", "b2n-ssv2*"),
    "fs": ("fs-hmdb51*", "fs-ucf101*", "fs-ssv2"),
    "full": ("full-k400*",),
    "ret": ("ret-msrvtt*", "ret-didemo*", "ret-lsmdc", "ret-activitynet", "ret-msvd"),
}


@dataclass(frozen=True)
class Fault:
    """A fault that moves, or can move, the result of an evaluation protocol.

    Attributes:
        id: the anchor of its section in docs/protocols/faults.md; never changes.
        kind: what it is a fault of.
        title: one line.
        wrong: what is wrong, in plain sentences.
        moves: what results it moves and by how much, or that this was not measured.
        ours: what vclipbench does: the default, and the flag or the other protocol for the rest.
        source: file and line of the repository, section of the paper, or our count.
        protocols: shell patterns over ids of the protocols whose published results it touches.
    """

    id: str
    kind: Kind
    title: str
    wrong: str
    moves: str
    ours: str
    source: str
    protocols: tuple[str, ...]

    @property
    def text(self) -> str:
        """What is wrong and what it moves."""
        return f"{self.wrong} {self.moves}"
