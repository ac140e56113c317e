"""Whether a method or protocol fulfils what the harness relies on; templates of both and of a test."""

from .check import FAIL, NOT_CHECKED, NOT_TRAINED, PASS, Result, check_method
from .protocol import check_protocol

__all__ = [
    "FAIL",
    "NOT_CHECKED",
    "NOT_TRAINED",
    "PASS",
    "Result",
    "check_method",
    "check_protocol",
]
