"""What the user is told of data that are not as they should be."""

from __future__ import annotations

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
