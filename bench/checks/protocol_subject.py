"""A protocol under check: its settings, its data, and its lists, planned once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from ...protocols.base import Protocol
from ...protocols.split import Data, Plan, Split
from ..config.flags import data_flags
from ..config.resolve import Resolved, resolve_config
from ..plan.data import check_settings, data_of
from ..plan.lists import planned_lists, variants_of
from ..registry import check_files, protocol

SEEDS = (1, 2)


@dataclass
class ProtocolSubject:
    """The protocol under check.

    Attributes:
        file: of its class. given: words of --data. resolved: the settings of a run of `random` on it.
    """

    protocol: Protocol
    plugins: tuple[str, ...]
    given: tuple[str, ...]
    resolved: Resolved
    file: str = ""
    kept: dict[tuple[str, int], Plan] = field(default_factory=dict)

    @cached_property
    def data(self) -> Data:
        """Where its data are."""
        return data_of(self.resolved.config, self.protocol)

    def plan(self, variant: str, seed: int = SEEDS[0], again: bool = False) -> Plan:
        """Its lists, planned once unless `again`."""
        key = variant, seed
        if again or key not in self.kept:
            self.kept[key] = planned_lists(self.protocol, variant, seed, self.data)
        return self.kept[key]

    def plans(self) -> Iterator[Plan]:
        """Of every variant and two seeds."""
        for variant, seed in product(variants_of(self.protocol), SEEDS):
            yield self.plan(variant, seed)

    def splits(self) -> Iterator[Split]:
        """Every list of every plan."""
        for plan in self.plans():
            yield from (*plan.evaluate, *(s for s in (plan.train, plan.source) if s))

    def digests(self, again: bool = False) -> dict[str, Any]:
        """What has to be the same whoever asks: digests of the protocol and of all its lists."""
        found: dict[str, Any] = {"digest": self.protocol.digest(self.data)}
        for variant, seed in product(variants_of(self.protocol), SEEDS):
            plan = self.plan(variant, seed, again)
            lists = (*plan.evaluate, plan.train, plan.source)
            found[f"{variant}, seed {seed}"] = [[s.name, s.digest()] if s else None for s in lists]
        return found


def subject_of(name: str, plugins: Sequence[str], data: Sequence[str]) -> ProtocolSubject:
    """A protocol with the data that it is checked on.

    Raises:
        UserError: unknown id, a plugin that cannot be imported, wrong settings, or data that it needs.
    """
    import inspect

    files = tuple(str(p) for p in plugins)
    check_files(files)
    found = protocol(name, files)
    flags = data_flags(data or None) | {"data.limit": 8, "data.workers": 0}
    resolved = resolve_config("random", name, flags=flags, plugins=files)
    check_settings(resolved.config, found)
    file = inspect.getfile(type(found))
    return ProtocolSubject(found, files, tuple(data), resolved, file)
