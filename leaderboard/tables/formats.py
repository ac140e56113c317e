"""A table as Markdown, CSV, LaTeX or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

from pandas import DataFrame

from ...protocols.family import FAMILIES
from .papers import MEASURED
from .tables import Table

PAPERS_CAPTION = "Beside the papers"
COSTS_CAPTION = "What it took"
_WORDS = ("method", "backbone", "checkpoint", "frames, views", "selection", "source", "machine")
"""Columns of words, which LaTeX sets from the left."""

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"$\sim$",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "≈": r"$\approx$",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "¿": r"\textquestiondown{}",
    "§": r"\S{}",
    "◦": r"$\circ$",
}


def title(family: str) -> str:
    """Heading of a family: "Zero-shot (zs)"; a plugin's own by its id."""
    return f"{FAMILIES[family].title} ({family})" if family in FAMILIES else family


def to_markdown(table: Table) -> str:
    """One Markdown table per family with its costs, the papers' numbers, then the footer as a list."""
    lines: list[str] = []
    for family, frame in table.frames.items():
        lines += [f"### {title(family)}", "", *_markdown(frame), ""]
        if family in table.costs and len(table.costs[family]):
            lines += [f"{COSTS_CAPTION}:", "", *_markdown(table.costs[family]), ""]
    if table.papers:
        lines += [f"### {PAPERS_CAPTION}", ""]
    for protocol, frame in table.papers.items():
        lines += [f"#### {protocol}", "", *_markdown(frame), ""]
    lines += [f"- {line}" for line in table.footer]
    return "\n".join(lines) + "\n"


def to_csv(table: Table) -> str:
    """`table.long` as CSV: floats in full, missing values empty, run_ids separated by spaces."""
    return str(table.long.to_csv(index=False, lineterminator="\n"))


def to_json(table: Table) -> str:
    """All of the table as JSON: `cells` unrounded, `costs`, `papers`, `footer`, `left_out`."""
    value = {
        "format": 1,
        "cells": _plain(table.long),
        "costs": {family: _plain(frame) for family, frame in table.costs.items()},
        "papers": {protocol: _plain(frame) for protocol, frame in table.papers.items()},
        "footer": table.footer,
        "left_out": table.left_out,
    }
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_latex(table: Table) -> str:
    r"""The same tables as in Markdown, each a `table*` with the rules of booktabs, and the notes below.

    Needs \usepackage{booktabs} and \usepackage{graphicx}, which fits wide tables to the page.
    """
    blocks = ["% \\usepackage{booktabs,graphicx}"]
    for family, frame in table.frames.items():
        blocks.append(_latex_table(title(family), frame))
        if family in table.costs and len(table.costs[family]):
            blocks.append(_latex_table(f"{COSTS_CAPTION}: {title(family)}", table.costs[family]))
    for protocol, frame in table.papers.items():
        # a page is narrow: columns in which nothing was measured are left out
        words = [c for c in frame.columns if not c.endswith(MEASURED) or frame[c].any()]
        blocks.append(_latex_table(f"{PAPERS_CAPTION}: {protocol}", frame[words]))
    notes = "\n".join(f"  \\item{{}} {latex_text(line)}" for line in table.footer)
    blocks.append("{\\footnotesize\n\\begin{itemize}\n" + notes + "\n\\end{itemize}}")
    return "\n\n".join(blocks) + "\n"


def _latex_table(caption: str, frame: DataFrame) -> str:
    rows = "\n".join(
        "    " + " & ".join(map(latex_text, row)) + r" \\"
        for row in frame.itertuples(index=False, name=None)
    )
    return "\n".join(
        [
            r"\begin{table*}[t]",
            r"  \centering",
            f"  \\caption{{{latex_text(caption)}}}",
            r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            f"  \\begin{{tabular}}{{{''.join(map(_alignment, frame.columns))}}}",
            r"    \toprule",
            "    " + " & ".join(map(latex_text, frame.columns)) + r" \\",
            r"    \midrule",
            rows,
            r"    \bottomrule",
            r"  \end{tabular}}",
            r"\end{table*}",
        ]
    )


def _alignment(column: str) -> str:
    """Words from the left, numbers from the right; verdicts are sentences and need several lines."""
    return "p{5cm}" if column.endswith(MEASURED) else "l" if column in _WORDS else "r"


def latex_text(text: object) -> str:
    """Any text as LaTeX prints it; a start in **bold**, as Markdown has it, becomes bold."""
    bold, rest = "", str(text)
    if start := re.match(r"\*\*(.+?)\*\*", rest):
        bold, rest = f"\\textbf{{{_escaped(start[1])}}}", rest[start.end() :]
    return bold + _escaped(rest)


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _plain(frame: DataFrame) -> list[dict[str, object]]:
    """Rows as dicts of JSON values; what is missing is null."""
    rows: list[dict[str, object]] = json.loads(
        frame.to_json(orient="records", double_precision=15, force_ascii=False)
    )
    return rows


def _markdown(frame: DataFrame) -> list[str]:
    rows = (_line(row) for row in frame.itertuples(index=False, name=None))
    return [_line(frame.columns), "|" + "---|" * len(frame.columns), *rows]


def _line(cells: Iterable[object]) -> str:
    texts = (" ".join(str(cell).replace("|", "\\|").split()) for cell in cells)
    return "| " + " | ".join(texts) + " |"


WRITERS: dict[str, Callable[[Table], str]] = {
    "md": to_markdown,
    "csv": to_csv,
    "tex": to_latex,
    "json": to_json,
}
"""How each format is written, by the ending of its files."""
