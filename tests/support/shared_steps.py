"""Three optimiser steps in several processes, for tests: what each of them runs."""

from __future__ import annotations

import os
from contextlib import nullcontext

import torch
from training_cases import Case, group, make
from vclipbench.bench.plan.steps import Steps
from vclipbench.bench.ranks import join
from vclipbench.bench.train.engine import Engine, Group
from vclipbench.bench.train.groups import Share
from vclipbench.methods.parts import cut


def train(rank: int, size: int, port: int, case: Case, groups: int, at_once: int | None, out: str):
    """Train; the first process writes the weights."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_PORT": str(port)}
    os.environ |= {"LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1"}
    torch.set_num_threads(1)
    ranks = join(gpu=False)
    method = make(case)
    if ranks.first:
        method.begin(group(case, 0))
    learning = [p for p in method.parameters() if p.requires_grad]
    ranks.first_ones([p.data for p in learning])
    engine = Engine(method, 1, at_once, ranks, nullcontext)
    videos = len(group(case, 0).ids)
    share = Share(Steps(3 * groups * videos, groups * videos, videos, 3, 3), ranks)
    optimiser = torch.optim.AdamW(learning, lr=1e-3)
    for step in range(3):
        some = [_group(case, n, 1 / groups, share) for n in share.groups(step)]
        engine.gradients(some)
        optimiser.step()
        optimiser.zero_grad()
    if ranks.first:
        torch.save({n: p.detach() for n, p in method.named_parameters() if p.requires_grad}, out)
    ranks.wait()


def _group(case: Case, number: int, weight: float, share: Share) -> Group:
    batch = group(case, number)
    own = share.own(len(batch.ids))
    if len(own) < len(batch.ids):
        some = cut(batch, *((own.start, own.stop) if own else (0, 1)))
        batch.frames, batch.images = some.frames, some.images
    return Group(number, batch, weight, own)
