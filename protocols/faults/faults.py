"""The known faults of published lists and evaluations, and those that touch a protocol.

scripts/write_faults.py makes the page docs/protocols/faults.md of this; the numbers in it are counted
anew in tests/protocols/faults/test_fault_lists.py and test_fault_counts.py.
"""

from __future__ import annotations

import fnmatch

from . import captions as faults_captions
from . import evaluation as faults_evaluation
from . import lists as faults_lists
from . import text as faults_text
from .fault import Fault, Kind

__all__ = ["FAULTS", "KINDS", "Fault", "Kind", "faults_of"]

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

FAULTS: tuple[Fault, ...] = (
    *faults_lists.FAULTS,
    *faults_captions.FAULTS,
    *faults_text.FAULTS,
    *faults_evaluation.FAULTS,
)


def faults_of(protocol_id: str) -> tuple[Fault, ...]:
    """The faults that touch published results of a protocol, in the order of the page.

    None for protocols that no paper has, such as those of the embedded world, and for unknown ids.
    """
    return tuple(
        fault
        for fault in FAULTS
        if any(fnmatch.fnmatchcase(protocol_id, pattern) for pattern in fault.protocols)
    )
