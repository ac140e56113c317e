"""The asymmetric loss against its formula, and the sample of labels."""

import pytest
import torch
import torch.nn.functional as F
from vclipbench.methods.multilabel_loss import asymmetric_loss, label_sample


@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_asymmetric_loss_against_its_formula(margin):
    torch.manual_seed(0)
    logits = (3 * torch.randn(5, 7)).double().requires_grad_()
    y = (torch.rand(5, 7) < 0.3).double()
    total = 0.0
    for z, t in zip(logits.detach().flatten().tolist(), y.flatten().tolist(), strict=True):
        p = 1 / (1 + torch.tensor(-z).double().exp())
        q = max(p - margin, torch.zeros(()).double())
        total += float(-t * (1 - p) ** 1 * p.log() - (1 - t) * q**4 * (1 - q).log())
    assert asymmetric_loss(logits, y, 1, 4, margin).item() == pytest.approx(total / 35, rel=1e-9)
    assert torch.autograd.gradcheck(lambda z: asymmetric_loss(z, y, 1, 4, margin), logits)
    far = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    loss = asymmetric_loss(far, torch.tensor([[1.0, 0.0]]), 1, 4, margin)
    assert loss.isfinite()
    assert torch.autograd.grad(loss, far)[0].isfinite().all()


def test_asymmetric_without_focus_is_binary_cross_entropy():
    logits, y = torch.randn(4, 6), (torch.rand(4, 6) < 0.5).float()
    wanted = F.binary_cross_entropy_with_logits(logits, y)
    assert asymmetric_loss(logits, y, 0, 0, 0).allclose(wanted)


def test_label_sample():
    y = torch.zeros(3, 50)
    y[0, 7] = y[1, 7] = y[2, 40] = 1
    torch.manual_seed(3)
    first, second = label_sample(y, 10), label_sample(y, 10)
    assert len(first) == len(set(first.tolist())) == 10
    assert {7, 40} <= set(first.tolist()) & set(second.tolist())
    assert first.tolist() == sorted(first.tolist()) != second.tolist()
    torch.manual_seed(3)
    assert torch.equal(label_sample(y, 10), first)
    assert torch.equal(label_sample(y, 1), torch.tensor([7, 40]))  # positives are never dropped
    assert torch.equal(label_sample(y, 50), torch.arange(50))
    assert torch.equal(label_sample(y, 256), torch.arange(50))
    assert len(label_sample(torch.zeros(3, 5), 2)) == 2  # a batch without any label
