"""How long a run took here before: told from the records in the results folder, never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...leaderboard.record.record import Record
from ...leaderboard.record.store import RunStore, load_records
from ..environment import environment
from ..plan.needs import NOT_MEASURED

if TYPE_CHECKING:
    import torch

    from ..plan.plan import RunPlan


def hours_words(store: RunStore, plan: RunPlan, device: torch.device) -> str:
    """Hours of the latest run of this method, protocol and variant on this kind of machine."""
    protocol, method = plan.identity.protocol.id, plan.identity.method.name
    folder = store.directory((protocol, method, plan.run_id)).parent
    runs = load_records(folder, problems=[]) if folder.is_dir() else []
    here = environment(device)
    alike = [one for one in runs if _alike(one, plan, here)]
    if not alike:
        return NOT_MEASURED
    last = max(alike, key=lambda one: one.created_utc)
    seconds = sum(last.cost.seconds.values()) if last.cost else 0.0
    took = f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} h"
    return f"run {last.run_id} took {took} here, with {last.environment.cpu_threads} threads"


def _alike(record: Record, plan: RunPlan, here: dict[str, object]) -> bool:
    """Whether a record tells how long this plan takes: whole, trained as this, on such a machine."""
    if record.status != "done" or record.cost is None or record.limited:
        return False
    machine = record.environment
    return (
        (record.identity.protocol.digest, record.variant)
        == (plan.identity.protocol.digest, plan.lists.variant)
        and record.identity.backbone.name == plan.identity.backbone.name
        and (machine.cpu, machine.gpu_model) == (here["cpu"], here["gpu_model"])
        and ("train" in record.cost.seconds) == bool(plan.stages)
    )
