"""The leaderboard as one static HTML file: table, plots, examples and the record of every run."""

from .build import build_report

__all__ = ["build_report"]
