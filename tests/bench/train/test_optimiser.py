"""Optimisers and learning rates: groups, the step of CLIP-ViP's AdamW, the authors' schedules."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from vclipbench.bench.config.schema import Train
from vclipbench.bench.plan.steps import steps_of
from vclipbench.bench.train.optimiser import AdamWLate, build_optimiser
from vclipbench.bench.train.schedule import FactorLR, factor, schedule_of

PROTOCOL = Path(__file__).parents[2] / "data" / "golden" / "clip_vip" / "protocol"


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.visual = torch.nn.Linear(5, 4)
        self.ln = torch.nn.LayerNorm(4)
        self.head = torch.nn.Linear(4, 3)
        self.logit_scale = torch.nn.Parameter(torch.tensor(2.0))
        self.frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
        for p in self.parameters():
            p.data = torch.randn(p.shape, generator=generator)

    def loss(self, step: int) -> torch.Tensor:
        x = torch.randn(7, 5, generator=torch.Generator().manual_seed(step))
        return (self.logit_scale * self.head(self.ln(self.visual(x)))).pow(2).mean()


def train(model: Model, optimiser: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        optimiser.zero_grad()
        model.loss(step).backward()
        optimiser.step()


def names(model: Model, optimiser: torch.optim.Optimizer) -> list[list[str]]:
    known = {id(p): name for name, p in model.named_parameters()}
    return [[known[id(p)] for p in group["params"]] for group in optimiser.param_groups]


def test_groups_by_rate_are_in_the_order_of_the_model() -> None:
    model = Model()
    settings = Train(lr=1e-3, lr_factors={"visual.*": 10, "ln.*": 0, "*": 1}, weight_decay=0.2)
    optimiser = build_optimiser(model, settings)
    assert type(optimiser) is torch.optim.AdamW
    assert names(model, optimiser) == [
        ["logit_scale", "head.weight", "head.bias"],
        ["visual.weight", "visual.bias"],
        ["ln.weight", "ln.bias"],
    ]
    assert [g["lr"] for g in optimiser.param_groups] == [1e-3, 1e-2, 0]
    assert [g["weight_decay"] for g in optimiser.param_groups] == [0.2, 0.2, 0.2]
    assert all(g["betas"] == (0.9, 0.98) for g in optimiser.param_groups)
    assert all(g["eps"] == 1e-8 for g in optimiser.param_groups)


def test_without_decay() -> None:
    model = Model()
    for rules, kept in (
        (["1d"], {"logit_scale", "visual.weight", "head.weight"}),
        (["*bias*", "logit_scale"], {"visual.weight", "ln.weight", "head.weight"}),
        (["1d", "head.*"], {"logit_scale", "visual.weight"}),
        ([], {n for n, p in model.named_parameters() if p.requires_grad}),
    ):
        optimiser = build_optimiser(model, Train(no_decay=rules, weight_decay=0.2))
        groups = zip(names(model, optimiser), optimiser.param_groups, strict=True)
        decayed = {name for found, group in groups if group["weight_decay"] for name in found}
        assert decayed == kept
        assert {g["weight_decay"] for g in optimiser.param_groups} <= {0.0, 0.2}


def test_adamw_late_is_the_formula() -> None:
    """Against scalars in double precision, which also tell it from torch.optim.AdamW."""
    lr, (b1, b2), eps, decay = 1e-2, (0.9, 0.98), 1e-3, 0.2
    gradients = np.random.RandomState(0).standard_normal((6, 5)) * 0.05
    expected = np.linspace(-1, 1, 5)
    one = torch.nn.Parameter(torch.tensor(expected, dtype=torch.float32))
    other = torch.nn.Parameter(one.detach().clone())
    ours = AdamWLate([one], lr=lr, betas=(b1, b2), eps=eps, weight_decay=decay)
    theirs = torch.optim.AdamW([other], lr=lr, betas=(b1, b2), eps=eps, weight_decay=decay)
    m = v = np.zeros(5)
    for t, g in enumerate(gradients, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        rate = lr * math.sqrt(1 - b2**t) / (1 - b1**t)
        expected = expected - rate * m / (np.sqrt(v) + eps)
        expected = expected - lr * decay * expected
        one.grad = torch.tensor(g, dtype=torch.float32)
        other.grad = one.grad.clone()
        ours.step()
        theirs.step()
    assert one.detach().numpy() == pytest.approx(expected, rel=1e-6)
    assert np.abs(other.detach().numpy() - expected).max() > 1e-4


def test_adamw_late_counts_the_steps_of_each_parameter() -> None:
    """A parameter without a gradient rests: neither moved nor decayed nor counted."""
    alone, resting = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    both = torch.nn.Parameter(torch.ones(2))
    optimiser = AdamWLate([resting, both], lr=0.1, weight_decay=0.5)
    single = AdamWLate([alone], lr=0.1, weight_decay=0.5)
    both.grad = torch.ones(2)
    optimiser.step()
    assert resting.tolist() == [1, 1]
    for p in (resting, both, alone):
        p.grad = torch.tensor([0.3, -2.0])
    optimiser.step()
    single.step()
    assert (resting == alone).all()
    assert optimiser.step(lambda: torch.tensor(3.0)) == 3


@pytest.mark.parametrize("kind", ["adamw", "adamw-late-decay"])
def test_resuming_is_exact(kind: str) -> None:
    settings = Train(optimiser=kind, lr=1e-2, no_decay=["1d"], lr_factors={"head.*": 3})
    whole, half = Model(), Model()
    train(whole, build_optimiser(whole, settings), range(6))
    optimiser = build_optimiser(half, settings)
    train(half, optimiser, range(3))
    file = io.BytesIO()
    torch.save({"model": half.state_dict(), "optimiser": optimiser.state_dict()}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    again = Model()
    again.load_state_dict(state["model"])
    optimiser = build_optimiser(again, settings)
    optimiser.load_state_dict(state["optimiser"])
    assert type(optimiser) is (AdamWLate if kind == "adamw-late-decay" else torch.optim.AdamW)
    train(again, optimiser, range(3, 6))
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert (one == other).all()


def test_clip_vip_rates_are_the_authors() -> None:
    case = json.loads((PROTOCOL / "case.json").read_text())
    stored = np.load(PROTOCOL / "expected.npz")
    for i, s in enumerate(case["schedules"]):
        kind = {"cosine": "cosine-zero", "linear": "linear"}[s["decay"]]
        warmup = int(s["warmup_ratio"] * s["total"])
        shares = [factor(kind, step - 1, s["total"], warmup, 1e-8 / s["lr"]) for step in s["steps"]]
        assert s["lr"] * np.array(shares) == pytest.approx(stored[f"lr/{i}"], rel=1e-9)


def test_open_vclip_rates_are_the_authors() -> None:
    """The table of rates by epoch that the reference function gave."""
    rates = {
        0: 3.330000e-08,
        0.5: 8.574750e-07,
        1: 1.681650e-06,
        2: 3.330000e-06,
        3: 3.309706e-06,
        7: 2.847209e-06,
        12: 1.681650e-06,
        17: 5.160905e-07,
        21: 5.359392e-08,
    }
    per_epoch = 3750
    for epoch, rate in rates.items():
        step = round(epoch * per_epoch)
        share = factor("cosine-floor", step, 22 * per_epoch, 2 * per_epoch, 0.01)
        assert 3.33e-6 * share == pytest.approx(rate, rel=1e-6)


def test_kinds_of_before_are_unchanged() -> None:
    expected = {
        "cosine": [1 / 3, 2 / 3, 1.0, 0.855017856687341, 0.505, 0.15498214331265903],
        "cosine-overlap": [0.0, 0.5, 0.7525, 0.505, 0.2575000000000001, 0.07631742512670284],
        "constant": [1 / 3, 2 / 3, 1.0, 1.0, 1.0, 1.0],
    }
    for kind, shares in expected.items():
        assert [factor(kind, step, 6, 2, 0.01) for step in range(6)] == pytest.approx(
            shares, rel=1e-15
        )


@pytest.mark.parametrize("kind", ["cosine-zero", "linear", "cosine-floor"])
def test_schedules_drive_the_groups(kind: str) -> None:
    model = Model()
    settings = Train(lr=1e-2, lr_factors={"logit_scale": 10})
    optimiser = build_optimiser(model, settings)
    schedule = FactorLR(optimiser, kind, 4, 2, 0.01)
    for step in range(5):  # one call more than there are steps, as in a training
        share = factor(kind, min(step, 4), 4, 2, 0.01)
        assert [g["lr"] for g in optimiser.param_groups] == [0.1 * share, 1e-2 * share]
        optimiser.step()
        schedule.step()
    assert factor(kind, 0, 1, 0, 0.01) > 0
    assert factor(kind, 0, 1, 1, 0.01) > 0


def vifi_rates(videos: int, epochs: int, accumulate: int) -> list[float]:
    """The rates of ViFi-CLIP's steps on 8 devices of 4 videos, by a loop over micro-batches as it has."""
    per_epoch = -(-videos // 8) // 4
    total, warm = epochs * per_epoch, 5 * per_epoch

    def rate(t: int) -> float:
        if t < warm:
            return t / warm
        return 0.01 + 0.5 * 0.99 * (1 + math.cos(math.pi * t / total))

    now, used = rate(0), []
    for epoch in range(epochs):
        for index in range(per_epoch):
            if (index + 1) % accumulate == 0:
                used.append(now)
                now = rate(epoch * per_epoch + index)
    return used


# videos of the authors' lists, epochs, accumulation, and steps by the table of the specification
LISTS = [
    *((102, 50, 2, 50), (204, 50, 2, 150), (816, 50, 2, 600), (416, 11, 2, 66)),
    *((816, 11, 2, 132), (1392, 11, 2, 231), (348, 50, 2, 250), (2784, 50, 2, 2150)),
    (3200, 11, 2, 550),
]


@pytest.mark.parametrize(("videos", "epochs", "accumulate", "number"), LISTS)
def test_vifis_rate_is_that_of_its_micro_batches(videos, epochs, accumulate, number) -> None:
    train = Train(
        epochs=epochs,
        batch_size=32 * accumulate,
        micro_batch=4,
        devices=8,
        lr=1.0,
        warmup_epochs=5,
        schedule="cosine-overlap",
    )
    steps = steps_of(videos, train)
    assert steps.total == number
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = schedule_of(optimiser, train, steps)
    rates = []
    for _ in range(steps.total):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert rates == pytest.approx(vifi_rates(videos, epochs, accumulate), rel=1e-12)


@pytest.mark.parametrize(
    ("videos", "epochs", "number", "last"),
    [(9000, 100, 7032, 40), (8395, 20, 1312, 75), (10009, 20, 1564, 25)],
)
def test_clip_vip_keeps_the_last_batch(videos: int, epochs: int, number: int, last: int) -> None:
    train = Train(epochs=epochs, batch_size=128, last_batch="keep")
    steps = steps_of(videos, train)
    assert steps.total == number
    epoch, places = steps.place(steps.per_epoch - 1)
    assert (epoch, len(places)) == (0, last)
    assert steps.place(steps.per_epoch) == (1, range(128))
    with pytest.raises(ValueError, match="last_batch"):
        Train(batch_size=8, micro_batch=4, last_batch="keep")
