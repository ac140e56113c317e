"""What the user is told of data that are not as they should be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .annotation import Annotation


class DatasetError(Exception):
    """The videos or their list are not as they should be; the message is one sentence."""

    exit_code = 2


class MissingAnnotation(DatasetError):
    """An annotation file that is not in the root.

    Attributes:
        annotation: which.
    """

    def __init__(self, message: str, annotation: Annotation):
        super().__init__(message)
        self.annotation = annotation

    def __reduce__(self) -> tuple[type, tuple[str, Annotation]]:  # so that it survives pickling
        return type(self), (str(self), self.annotation)


def choice(value: str, allowed: Iterable[str], what: str) -> str:
    """The value, if it is one of those allowed.

    Raises:
        ValueError: it is not; says what would be right.
    """
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(f"there is no {what} {value!r}; it can be {', '.join(allowed)}")
    return value
