"""Records of runs, and what is made of them: statistics and tables.

This folder reads and writes records and knows nothing else of the package; importing it loads
neither torch nor pandas.
"""

from .record.store import load_records

__all__ = ["load_records"]
