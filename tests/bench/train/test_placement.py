"""Everything that a method computes is where its parameters are, and nothing waits for the device.

Tried without a GPU (tests/support/fake_device.py). What may look at values: tokens of texts and the draws
of `passes`, which are on the CPU; of llm-multilabel `begin`, once a training, and `narrow`, since the
labels of a batch decide which texts are encoded.
"""

from __future__ import annotations

import pytest
import torch
from fake_device import GPU, FakeDevice
from training_cases import CASES, Case, built, group
from vclipbench.methods import BUILTIN, soft_attributes
from vclipbench.methods.backbone import Backbone
from vclipbench.methods.clip_vip_losses import LOSSES, Sources
from vclipbench.methods.parts import leaves
from vclipbench.methods.vifi import ViFiCLIP

SUFFIX = (("prompt_position", "suffix"), ("prefix_sets", 1))
EVERY = [
    *CASES,
    Case("clip", "clip"),
    Case("open-vclip-mask", "open-vclip", options=(("missing_neighbours", "mask"),)),
    Case("clip-vip-mean", "clip-vip", "captions", (("pooling", "mean"),)),
    Case("llm-suffix", "llm-multilabel", "labels", SUFFIX),
]
# what comes back to the CPU once for every text, and is kept there
KEPT = {"open-vclip++": 1}
NOT_ON_A_DEVICE = {"random"}  # draws from the bytes of pixels, and has no parameters


@pytest.fixture
def gpu(monkeypatch) -> FakeDevice:
    device = FakeDevice(monkeypatch)
    for owner, name in ((Backbone, "token_ids"), (soft_attributes, "_token_ids")):
        monkeypatch.setattr(owner, name, device.on_host(getattr(owner, name)))
    return device


def placed(gpu: FakeDevice, case: Case):
    """A method and a batch on the device, without what is named above."""
    method = built(case)
    batch = method.narrow(group(case, 0))
    fake = gpu.method(method)
    fake.begin = fake.narrow = lambda batch: batch
    fake.passes = gpu.on_host(fake.passes)
    return fake, gpu.batch(batch)


def test_every_method_is_here():
    assert {case.method for case in EVERY} == set(BUILTIN) - NOT_ON_A_DEVICE


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
def test_losses_are_on_the_device_and_wait_for_nothing(gpu, case):
    method, batch = placed(gpu, case)
    numbers = []
    for _ in range(2):
        with gpu.here() as downloads:
            loss = method.loss(batch)["loss"]
        assert loss.device == GPU
        assert loss.requires_grad
        numbers.append(downloads.number)
    assert numbers == [KEPT.get(case.method, 0), 0]


@pytest.mark.slow
@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
def test_features_and_scores_are_on_the_device(gpu, case):
    method, batch = placed(gpu, case)
    with gpu.here() as downloads, torch.no_grad():
        video = method.encode_video(batch.frames)
        text = method.encode_text(batch.texts)
        scores = method.scores(video, text)
        cosines = method.cosines(scores)
    assert {t.device for t in (*leaves({"v": video, "t": text}), scores, cosines)} == {GPU}
    assert scores.shape == (len(batch.frames), len(batch.texts))
    assert not downloads.number


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_clip_vip(gpu, name):
    rows = [torch.ones(4, 8) for _ in range(4)]
    rows[1] = torch.ones(12, 8) if name == "mil_nce" else rows[1]
    fake = [gpu.tensor(t) for t in (*rows, torch.ones(()))]
    with gpu.here() as downloads:
        video, text, image, caption, scale = (t.to(GPU) for t in fake)
        loss = LOSSES[name](Sources(video, text, scale, image, caption))
    assert loss.device == GPU
    assert not downloads.number


class LeftBehind(ViFiCLIP):
    """Wrong: its table is no buffer, so that `to` leaves it where it is."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.table = torch.ones(16)

    def encode_video(self, frames):
        return super().encode_video(frames) * self.table


class MadeOnCPU(ViFiCLIP):
    """Wrong: makes a tensor without saying where."""

    def encode_video(self, frames):
        return super().encode_video(frames) + torch.zeros(16)


class LooksAtValues(ViFiCLIP):
    """Wrong: waits for the device in every step."""

    def encode_video(self, frames):
        rows = super().encode_video(frames)
        return rows if rows.detach().sum().item() > 0 else -rows


class BringsBack(ViFiCLIP):
    """Wrong: also that is a wait."""

    def encode_video(self, frames):
        return super().encode_video(frames.cpu().to(frames.device))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (LeftBehind, "be on the same device"),
        (MadeOnCPU, "be on the same device"),
        (LooksAtValues, "_local_scalar_dense"),
    ],
)
def test_wrong_methods_are_caught(gpu, wrong, message):
    plain = built(CASES[0])
    method = gpu.method(wrong(plain.backbone))
    batch = gpu.batch(group(CASES[0], 0))
    with gpu.here(), pytest.raises(Exception, match=message):
        method.loss(batch)


def test_what_comes_back_is_counted(gpu):
    method = gpu.method(BringsBack(built(CASES[0]).backbone))
    batch = gpu.batch(group(CASES[0], 0))
    with gpu.here() as downloads:
        method.loss(batch)
    assert downloads.number == 1
