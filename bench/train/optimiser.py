"""Optimisers: which parameters get which rate and decay, and the AdamW that CLIP-ViP trains with."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from ..config.schema import Train

ONE_DIMENSIONAL = "1d"


class AdamWLate(torch.optim.Optimizer):
    """The AdamW of CLIP-ViP: epsilon beside the uncorrected root, weight decay after the step.

    With the moments m and v of Adam, at step t:
    p -= lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps), then p -= lr * weight_decay * p
    with the new p. torch.optim.AdamW decays first and adds eps to the corrected root.

    Source: the authors' code (microsoft/XPretrain, CLIP-ViP/src/optimization/adamw.py).

    Args:
        params: parameters, or groups of them.
        lr: learning rate.
        betas: decay of the two moments, each in [0, 1).
        eps: added to sqrt(v).
        weight_decay: share of a parameter that goes at each step, times lr.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-6,
        betas: tuple[float, float] = (0.9, 0.98),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient; gives what `closure` gives."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            by_age: dict[int, list[torch.Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_age.setdefault(self._aged(parameter), []).append(parameter)
            for step, some in by_age.items():
                self._update(some, step, group)
        return loss

    def _aged(self, parameter: torch.Tensor) -> int:
        """The number of the update that a parameter is to get."""
        state = self.state[parameter]
        if not state:
            zeros = {"first": torch.zeros_like(parameter), "second": torch.zeros_like(parameter)}
            state.update(step=0, **zeros)
        state["step"] += 1
        return int(state["step"])

    def _update(self, some: list[torch.Tensor], step: int, group: dict[str, Any]) -> None:
        """Update parameters of one age together, which on a GPU is a few kernels instead of hundreds."""
        grads = [p.grad for p in some if p.grad is not None]
        first = [self.state[p]["first"] for p in some]
        second = [self.state[p]["second"] for p in some]
        (b1, b2), lr = group["betas"], group["lr"]
        torch._foreach_mul_(first, b1)
        torch._foreach_add_(first, grads, alpha=1 - b1)
        torch._foreach_mul_(second, b2)
        torch._foreach_addcmul_(second, grads, grads, value=1 - b2)
        rate = lr * math.sqrt(1 - b2**step) / (1 - b1**step)
        below = torch._foreach_sqrt(second)
        torch._foreach_add_(below, group["eps"])
        torch._foreach_addcdiv_(some, first, below, value=-rate)
        if group["weight_decay"]:
            torch._foreach_add_(some, some, alpha=-lr * group["weight_decay"])


def build_optimiser(method: torch.nn.Module, train: Train) -> torch.optim.Optimizer:
    """The optimiser of a recipe over the parameters of `method` that require gradients.

    Parameters of equal settings form one group, in the order in which the model first has them.

    - `train.lr_factors`: shell pattern of parameter names -> factor on `train.lr`, the first match
      counts;
    - `train.no_decay`: shell patterns of parameter names without weight decay; "1d" among them
      stands for all that have exactly one dimension (not a scalar such as `logit_scale`);
    - `train.optimiser`: "adamw" (torch's) or "adamw-late-decay" (`AdamWLate`).

    Raises:
        ValueError: if no parameter requires a gradient.
    """
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in method.named_parameters():
        if parameter.requires_grad:
            matches = (f for p, f in train.lr_factors.items() if fnmatch.fnmatchcase(name, p))
            key = next(matches, 1.0), _decays(name, parameter, train.no_decay)
            groups.setdefault(key, []).append(parameter)
    settings = [
        {"params": group, "lr": train.lr * factor} | ({} if decays else {"weight_decay": 0.0})
        for (factor, decays), group in groups.items()
    ]
    more: dict[str, Any] = {"betas": train.betas, "eps": train.eps}
    more["weight_decay"] = train.weight_decay
    if train.optimiser == "adamw-late-decay":
        return AdamWLate(settings, lr=train.lr, **more)
    # on a GPU one kernel for all parameters; on a processor torch's default, whose digits stay
    on_gpu = all(p.is_cuda for group in groups.values() for p in group)
    return torch.optim.AdamW(settings, lr=train.lr, fused=on_gpu or None, **more)


def _decays(name: str, parameter: torch.Tensor, exempt: list[str]) -> bool:
    if ONE_DIMENSIONAL in exempt and parameter.ndim == 1:
        return False
    return not any(fnmatch.fnmatchcase(name, pattern) for pattern in exempt)
