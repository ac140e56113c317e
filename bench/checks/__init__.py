"""Whether a method fulfils what the harness relies on; templates of a method and of its test."""

from .check import FAIL, NOT_CHECKED, NOT_TRAINED, PASS, Result, check_method

__all__ = ["FAIL", "NOT_CHECKED", "NOT_TRAINED", "PASS", "Result", "check_method"]
