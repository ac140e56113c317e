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


def escaped(text: str) -> str:
    """A name in one line that can be printed: control characters and bytes that are no UTF-8 as `\\x1b`.

    A backslash stays as it is: this is to be read, not to be turned back.
    """
    shown = "".join(c if c.isprintable() or c == "\u00a0" else _code(c) for c in text)
    return shown.encode("utf-8", "backslashreplace").decode()


def _code(letter: str) -> str:
    byte = ord(letter) - 0xDC00  # how Python keeps a byte that is no UTF-8
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else letter.encode("unicode_escape").decode()


def is_unicode(text: str) -> bool:
    """Whether a name can be written as UTF-8, as names made by very old archives cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def choice(value: str, allowed: Iterable[str], what: str) -> str:
    """The value, if it is one of those allowed.

    Raises:
        ValueError: it is not; says what would be right.
    """
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(f"there is no {what} {value!r}; it can be {', '.join(allowed)}")
    return value
