"""What is wrong with a CSV file, in words for whoever wrote it."""

from __future__ import annotations

import csv

_WORDS = {
    "unexpected end of data": "a quotation mark is opened here and closed nowhere",
    "field larger than field limit": "a field of more than {limit:,} characters; is a quotation mark "
    "missing or one too many?",
    "expected after": 'text behind a closing quotation mark; inside a name write "" for one',
    "new-line character seen": "a line ends as on very old Macs; save it with the line ends of today",
}


def csv_words(error: csv.Error) -> str:
    """An error of Python's reader, in one part of a sentence."""
    for part, words in _WORDS.items():
        if part in str(error):
            return words.format(limit=csv.field_size_limit())
    return str(error)
