"""Several processes share the steps of a training: its weights are those of one."""

from __future__ import annotations

import socket

import pytest
import torch
import torch.multiprocessing
from shared_steps import train
from training_cases import CASES, VIDEOS, Case, make
from vclipbench.bench.plan.steps import Steps
from vclipbench.bench.ranks import ALONE, Ranks
from vclipbench.bench.train.groups import FromStep, Share

BY_NAME = {case.name: case for case in CASES}
QUICK = ("vifi", "clip-vip-omnisource")


def port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def trained(case: Case, size: int, groups: int, at_once: int | None, folder) -> dict:
    out = str(folder / f"{case.name}-{size}-{groups}.pt")
    args = (size, port(), case, groups, at_once, out)
    if size == 1:
        torch.multiprocessing.spawn(train, args, 1)
    else:
        torch.multiprocessing.spawn(train, args, size)
    return torch.load(out)


def check(case: Case, folder, sizes, groups: int, at_once: int | None = None) -> None:
    start = {n: p.detach() for n, p in make(case).named_parameters() if p.requires_grad}
    alone = trained(case, 1, groups, None, folder)
    changed = max(float((alone[n] - start[n]).abs().max()) for n in start)
    assert changed > 1e-4
    for size in sizes:
        several = trained(case, size, groups, at_once, folder)
        for name, value in alone.items():
            assert float((value - several[name]).abs().max()) <= 1e-6 * changed, (size, name)


@pytest.mark.parametrize("name", QUICK)
def test_two_processes_train_as_one(name, tmp_path):
    check(BY_NAME[name], tmp_path, (2,), groups=1)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_any_number_of_processes_trains_as_one(case, tmp_path):
    check(case, tmp_path, (2,), groups=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vifi", "vifi-captions", "clip-vip-omnisource", "open-vclip++"])
def test_a_group_that_is_divided_between_three(name, tmp_path):
    check(BY_NAME[name], tmp_path, (3,), groups=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vifi", "vifi-captions", "clip-vip-omnisource", "open-vclip++"])
def test_more_processes_than_videos_and_pieces_of_one(name, tmp_path):
    check(BY_NAME[name], tmp_path, (VIDEOS + 1,), groups=1, at_once=1)


def test_a_part_of_a_group_smaller_than_a_piece(tmp_path):
    check(BY_NAME["vifi-captions"], tmp_path, (2,), groups=1, at_once=3)


def test_every_group_and_video_has_one_process():
    for size in (1, 2, 3, 5, 8):
        for accumulate in (1, 2, 3, 4, 7):
            steps = Steps(8 * accumulate * 4, accumulate * 4, 4, 8, 8)
            shares = [Share(steps, Ranks(rank, size)) for rank in range(size)]
            for step in range(3):
                had = [(g, v) for s in shares for g in s.groups(step) for v in s.own(4)]
                first = step * accumulate
                wanted = [(g, v) for g in range(first, first + accumulate) for v in range(4)]
                assert sorted(had) == wanted
    alone = FromStep(Share(Steps(12, 4, 2, 3, 3), ALONE))
    alone.start = 1
    assert list(alone) == [2, 3, 4, 5]
