"""A table as Markdown, CSV, LaTeX or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .tables import Table

if TYPE_CHECKING:
    from pandas import DataFrame

TITLES = {
    "zs": "Zero-shot",
    "b2n": "Base to novel",
    "fs": "Few-shot",
    "full": "Fully supervised",
    "ret": "Retrieval",
    "ml": "Open-vocabulary multi-label",
}
PAPERS = "Beside the papers"

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "≈": r"$\approx$",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "◦": r"$\circ$",
}


def title(family: str) -> str:
    """Heading of a family: "Zero-shot (zs)"; a plugin's own by its id."""
    return f"{TITLES[family]} ({family})" if family in TITLES else family


def to_markdown(table: Table) -> str:
    """One Markdown table per family with its costs, the papers' numbers, then the footer as a list."""
    lines: list[str] = []
    for family, frame in table.frames.items():
        lines += [f"### {title(family)}", "", *_markdown(frame), ""]
        if family in table.costs and len(table.costs[family]):
            lines += ["What it took:", "", *_markdown(table.costs[family]), ""]
    if table.papers:
        lines += [f"### {PAPERS}", ""]
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
    r"""One `table*` per family for a paper, with the rules of booktabs, and the notes below.

    Needs \usepackage{booktabs} and \usepackage{graphicx}, which fits wide tables to the page.
    """
    blocks = [
        "% \\usepackage{booktabs,graphicx}",
        *(_latex_table(title(family), frame) for family, frame in table.frames.items()),
    ]
    notes = "\n".join(f"  \\item{{}} {latex_text(line)}" for line in table.footer)
    blocks.append("{\\footnotesize\n\\begin{itemize}\n" + notes + "\n\\end{itemize}}")
    return "\n\n".join(blocks) + "\n"


def _latex_table(caption: str, frame: DataFrame) -> str:
    words = list(frame.columns)
    left = sum(word in ("method", "backbone", "checkpoint") for word in words)
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
            f"  \\begin{{tabular}}{{{'l' * left}{'r' * (len(words) - left)}}}",
            r"    \toprule",
            "    " + " & ".join(map(latex_text, words)) + r" \\",
            r"    \midrule",
            rows,
            r"    \bottomrule",
            r"  \end{tabular}}",
            r"\end{table*}",
        ]
    )


def latex_text(text: object) -> str:
    """Any text as LaTeX prints it; **bold** as Markdown has it becomes bold."""
    words = str(text)
    bold = words.startswith("**") and words.endswith("**") and len(words) > 4
    inner = "".join(_LATEX.get(letter, letter) for letter in (words[2:-2] if bold else words))
    return f"\\textbf{{{inner}}}" if bold else inner


def _plain(frame: DataFrame) -> list[dict[str, object]]:
    """Rows as dicts of JSON values; what is missing is null."""
    found: list[dict[str, object]] = json.loads(
        frame.to_json(orient="records", double_precision=15, force_ascii=False)
    )
    return found


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
