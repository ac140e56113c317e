"""Write docs/protocols/faults.md: the faults of published lists and evaluations, as a page to cite."""

from __future__ import annotations

from pathlib import Path

from vclipbench.protocols.faults import FAULTS, KINDS, Fault

PAGE = Path(__file__).resolve().parents[1] / "docs" / "protocols" / "faults.md"

HEADER = """\
# Faults of published lists and evaluations

Results of methods that adapt CLIP to video stand side by side in tables although they were measured on
different videos, with different class names, views and rank rules. This page lists {number} such faults of
published lists, code and tables: what is wrong, what it moves, what vclipbench does, and where to look.

How to read it:

- A number that lists and annotation files can tell was counted in them, and a test of vclipbench counts it
  anew. Where an effect on results was not measured, the section says so.
- Nobody is blamed: most of these are traps that the data sets lay, and they could be found because
  the authors published their lists and code.
- A protocol of vclipbench means what was published, without the faults of a loader: every video is scored
  once, in views that are the same every time. Where the lists themselves are at fault, a second protocol
  without the fault stands beside it, mostly under the same id with `-clean`. `bench describe ID` lists the
  faults of a protocol.
- Every section has an anchor that does not change: cite it as `faults.md#<id>`.

*This page is made by `scripts/write_faults.py`. Change `protocols/faults/*.yaml`, not the page.*
"""


def page() -> str:
    """The whole page, from the data alone."""
    groups = {kind: [f for f in FAULTS if f.kind == kind] for kind in KINDS}
    contents = ["## Contents\n"]
    sections = []
    for kind, heading in KINDS.items():
        contents.append(f"- {heading}")
        contents += [f"    - [{f.title}](#{f.id})" for f in groups[kind]]
        sections.append(f"## {heading}\n")
        sections += [section(f) for f in groups[kind]]
    header = HEADER.format(number=len(FAULTS))
    return "\n".join([header, *contents, "", *sections]).rstrip("\n") + "\n"


def section(fault: Fault) -> str:
    """One fault: title with its anchor, what is wrong, what it moves, what we do, source, protocols."""
    protocols = ", ".join(f"`{pattern}`" for pattern in fault.protocols)
    return f"""\
### <a id="{fault.id}"></a>{_escaped(fault.title)}

**What is wrong.** {_escaped(fault.wrong)}

**What it moves.** {_escaped(fault.moves)}

**What vclipbench does.** {_escaped(fault.ours)}

**Source.** {_escaped(fault.source)}

**Protocols.** {protocols}
"""


def _escaped(text: str) -> str:
    """Text in which Markdown sees neither emphasis nor tags."""
    for mark in "\\*_<>":
        text = text.replace(mark, f"\\{mark}")
    return text


def main() -> None:
    """Overwrite the page."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    print(f"{len(FAULTS)} faults in {PAGE.name}")


if __name__ == "__main__":
    main()
