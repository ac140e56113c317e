"""What is known of one fault of a published list or evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["lists", "names", "prompts", "views", "loader", "metric", "selection", "training"]

# shell patterns over ids of protocols; those of Shapes and of users' own videos match none
ZERO_SHOT = ("zs-ucf101*", "zs-hmdb51*", "zs-k600*")
BASE_TO_NOVEL = ("b2n-k400", "b2n-hmdb51*", "b2n-ucf101*", "b2n-ssv2*")
FEW_SHOT = ("fs-hmdb51*", "fs-ucf101*", "fs-ssv2")
SUPERVISED = ("full-k400*",)
RETRIEVAL = ("ret-msrvtt*", "ret-didemo*", "ret-lsmdc", "ret-activitynet", "ret-msvd")


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
