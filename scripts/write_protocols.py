"""Write the tables of docs/protocols/README.md: every built-in protocol, from the protocols themselves."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from vclipbench.datasets import catalog, reference_lists
from vclipbench.protocols import BUILTIN
from vclipbench.protocols.base import Protocol
from vclipbench.protocols.family import FAMILIES
from vclipbench.protocols.lists import VideoList
from vclipbench.protocols.published import Published
from vclipbench.protocols.split import Data

PAGE = Path(__file__).resolve().parents[1] / "docs" / "protocols" / "README.md"
START, END = "<!-- made by scripts/write_protocols.py: start -->", "<!-- end -->"
HEAD = ("id", "what", "scored", "videos", "trained on", "headline", "paper", "twin")
# videos of lists that keep a part of an official list: (protocol, list) -> counted in the real files
COUNTED = {
    ("zs-k600-clean", "draw1"): 8000,
    ("zs-k600-clean", "draw2"): 8000,
    ("zs-k600-clean", "draw3"): 8000,
    ("ret-msrvtt-clean", "test"): 995,
    ("ml-charades", "test"): 1814,
    **{
        ("zs-ucf101-halves", f"half{n}"): videos
        for n, videos in enumerate((6483, 6658, 6625, 6696, 6676, 6622, 6605, 6636, 6504, 6660))
    },
    **{("zs-hmdb51-halves", f"half{n}"): 2500 for n in range(10)},
}


def protocols() -> list[Protocol]:
    """All built-in protocols, in the order of `bench list`."""
    found = []
    for target in BUILTIN.values():
        module, _, name = target.partition(":")
        found.append(getattr(importlib.import_module(module), name))
    return found


def tables() -> str:
    """One section a family: a table of its protocols, their metric, and how clean twins differ."""
    known = protocols()
    sections = []
    for family, members in groupby(known, key=lambda protocol: protocol.family):
        own = list(members)
        lines = [f"### {FAMILIES[family].title}: `{family}`", "", *_table(own, known), ""]
        lines += _metrics(own)
        if clean := [f"- `{p.id}`: {_escaped(p.clean)}." for p in own if p.clean]:
            lines += ["How the clean twins differ:", "", *clean, ""]
        sections += lines
    return "\n".join(sections).rstrip("\n")


def _table(own: Sequence[Protocol], known: Sequence[Protocol]) -> list[str]:
    head = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    return head + [_row(protocol, known) for protocol in own]


def _metrics(own: Sequence[Protocol]) -> list[str]:
    """A line for each metric, with the protocols that have it where there are several."""
    metrics: dict[str, list[str]] = {}
    for protocol in own:
        metrics.setdefault(protocol.metric, []).append(f"`{protocol.id}`")
    if len(metrics) == 1:
        return [f"Metric: {next(iter(metrics))}.", ""]
    return [
        "Metrics:",
        "",
        *(f"- {metric}: {', '.join(ids)}" for metric, ids in metrics.items()),
        "",
    ]


def _row(protocol: Protocol, known: Sequence[Protocol]) -> str:
    cells = (
        f"`{protocol.id}`",
        _escaped(protocol.summary),
        _scored(protocol),
        _videos(protocol),
        _trained(protocol),
        f"`{protocol.primary}`",
        _escaped(protocol.paper or "none"),
        ", ".join(f"`{id}`" for id in twins(protocol, known)),
    )
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    """Text in which Markdown sees neither tags nor the end of a cell."""
    for mark in "\\<>|*_":
        text = text.replace(mark, f"\\{mark}")
    return text


def twins(protocol: Protocol, known: Sequence[Protocol]) -> list[str]:
    """Ids of the clean twins of a protocol; of a clean twin, what it is the twin of."""
    return [other.id for other in known if _mends(other, protocol) or _mends(protocol, other)]


def _mends(clean: Protocol, published: Protocol) -> bool:
    """Whether one protocol is the clean twin of another, as its id or its sentence says."""
    if not clean.clean or published.clean:
        return False
    named = re.findall(r"\b(?:zs|b2n|fs|full|ret|ml)-[a-z0-9-]*[a-z0-9]", clean.clean)
    return published.id in (named or [clean.id.removesuffix("-clean")])


def _scored(protocol: Protocol) -> str:
    if isinstance(protocol, Published):
        return _parts(protocol.tests)
    if protocol.needs_root:
        return "all"
    return _joined(
        [split.name for split in protocol.plan(protocol.variants[0], 1, Data()).evaluate]
    )


def _parts(lists: Sequence[VideoList]) -> str:
    """The parts of several lists, each once; what they share is said once."""
    parts = list(dict.fromkeys(wanted.part for wanted in lists))
    text = _joined(parts)
    if any(wanted.half is not None for wanted in lists):
        text += f", {len(lists)} halves of the classes"
    if likes := [wanted.like for wanted in lists if wanted.like]:
        text += f", the classes of {_joined(likes)}"
    return text


def _joined(names: Sequence[str]) -> str:
    """`a/b1` to `b3` for names that only count up, else all of them; a common folder is said once."""
    names = list(dict.fromkeys(names))
    folder = names[0].rpartition("/")[0]
    short = [names[0]] + [
        name.rpartition("/")[2] if name.rpartition("/")[0] == folder else name for name in names[1:]
    ]
    stem = names[0].rstrip("0123456789")
    first = names[0].removeprefix(stem)
    if len(names) > 2 and first and names == [f"{stem}{int(first) + n}" for n in range(len(names))]:
        return f"`{short[0]}` to `{short[-1]}`"
    return ", ".join(f"`{name}`" for name in short)


def _videos(protocol: Protocol) -> str:
    if isinstance(protocol, Published):
        return _numbers([_count(protocol.id, wanted) for wanted in protocol.tests])
    if protocol.needs_root:
        return "yours"
    plan = protocol.plan(protocol.variants[0], 1, Data())
    return _numbers([len(split.samples) for split in plan.evaluate])


def _numbers(numbers: Sequence[int | None]) -> str:
    """Numbers with commas; of many only the range, and of equal ones how many they are."""
    shown = [f"{number:,}" if number is not None else "not counted" for number in numbers]
    if len(set(shown)) == 1:
        return shown[0] + (" each" if len(shown) > 1 else "")
    known = [number for number in numbers if number is not None]
    return f"{min(known):,} to {max(known):,}" if len(numbers) > 4 else ", ".join(shown)


def _count(id: str, wanted: VideoList) -> int | None:
    """Videos of a list as they are pinned, or as they were counted; None where nobody could."""
    if (id, wanted.name) in COUNTED:
        return COUNTED[id, wanted.name]
    if wanted.repository:
        return reference_lists.files()[wanted.part].rows
    return catalog.card(wanted.dataset).counts.get(wanted.part)


def _trained(protocol: Protocol) -> str:
    """The training lists of all variants, and of seeds 1 to 3."""
    if not isinstance(protocol, Published):
        return _trained_shapes(protocol)
    seeds = protocol.defaults.get("seeds", [1])
    lists = [protocol.target_list(v, s) for v in protocol.variants for s in seeds]
    wanted = list(dict.fromkeys(one for one in lists if one is not None))
    if not wanted:
        return f"`{protocol.source.dataset}/{protocol.source.part}`, a checkpoint, or nothing"
    text = _parts(wanted)
    if wanted[0].shots is not None:
        return f"{text}, {wanted[0].shots} a class, {len(wanted)} draws"
    if wanted[0].keep:
        return f"{text}, {wanted[0].keep} labels"
    numbers = [_count(protocol.id, one) for one in wanted]
    return f"{text} ({_numbers(numbers)})" if None not in numbers else text


def _trained_shapes(protocol: Protocol) -> str:
    if protocol.needs_root:
        return "nothing"
    trains = [protocol.plan(variant, 1, Data()).train for variant in protocol.variants]
    found = [train for train in trains if train is not None]
    names = _joined([train.name for train in found])
    return f"{names} ({_numbers([len(train.samples) for train in found])})"


def page(text: str) -> str:
    """The page with its tables renewed.

    Raises:
        ValueError: the page has no place for them.
    """
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"{PAGE.name} needs the lines {START!r} and {END!r}")
    return f"{before}{START}\n\n{tables()}\n\n{END}{after}"


def main() -> None:
    """Renew the tables of the page."""
    PAGE.write_text(page(PAGE.read_text("utf-8")), encoding="utf-8", newline="\n")
    print(f"{len(BUILTIN)} protocols in {PAGE.name}")


if __name__ == "__main__":
    main()
