"""The processes of one run: which of them this is, and what they tell each other.

One process a device. `torchrun`, `srun` with a task a device, and `bench run --devices N` start them; alone
there is one, and everything here costs nothing. What is computed is the same for any number.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import RunFailed, UserError
from .terminal import silence

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

PARENT = "VCLIPBENCH_PARENT"
"""Environment variable: the process that started this one as one of several."""
_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_FAILURE = "vclipbench/failure"
_WAIT = timedelta(minutes=30)  # the first one may decode what the others wait for
_BUCKET = 2**26  # bytes that are summed together


class RankLost(RunFailed):
    """Another process of this run has ended."""


@dataclass(frozen=True)
class Ranks:
    """The processes of a run.

    Attributes:
        rank: number of this one. size: how many there are. local: number among those of this machine.
    """

    rank: int = 0
    size: int = 1
    local: int = 0
    store: Any = None

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def share(self, value: T) -> T:
        """The value of the first process, which the others get."""
        if self.size == 1:
            return value
        import torch.distributed as dist

        box = [value]
        self._do(lambda: dist.broadcast_object_list(box, 0))
        return box[0]

    def gather(self, value: T) -> list[T]:
        """The values of all processes, in order, in each of them."""
        if self.size == 1:
            return [value]
        import torch.distributed as dist

        box: list[Any] = [None] * self.size
        self._do(lambda: dist.all_gather_object(box, value))
        return box

    def collect(self, value: T) -> list[T]:
        """The values of all processes, in order, in the first one; nothing in the others."""
        if self.size == 1:
            return [value]
        import torch.distributed as dist

        box: list[Any] | None = [None] * self.size if self.first else None
        self._do(lambda: dist.gather_object(value, box, 0))
        return box or []

    def wait(self) -> None:
        """Go on when all have come here."""
        self.gather(None)

    def highest(self, number: int) -> int:
        """The highest number of all processes."""
        if self.size == 1:
            return number
        import torch
        import torch.distributed as dist

        box = torch.tensor([number])
        self._do(lambda: dist.all_reduce(box, dist.ReduceOp.MAX))
        return int(box)

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their sums over all processes, in place."""
        if self.size == 1:
            return
        import torch
        import torch.distributed as dist

        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            self._do(partial(dist.all_reduce, flat))
            for own, summed in zip(bucket, flat.split([t.numel() for t in bucket]), strict=True):
                own.copy_(summed.view_as(own))

    def first_ones(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by those of the first process, in place."""
        if self.size == 1:
            return
        import torch.distributed as dist

        for tensor in tensors:
            self._do(partial(dist.broadcast, tensor, 0))

    def rows(self, own: Tensor, sizes: Sequence[int]) -> Tensor:
        """Rows [sum of sizes, ...] of all processes, of which each has its part, without gradient."""
        if self.size == 1:
            return own
        import torch
        import torch.distributed as dist

        padded = own.new_zeros(max(sizes), *own.shape[1:])
        padded[: len(own)] = own.detach()
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        self._do(lambda: dist.all_gather(parts, padded))
        return torch.cat([part[:n] for part, n in zip(parts, sizes, strict=True)])

    def agree(self, what: str, value: str) -> None:
        """Refuse to go on if a process has another value than the first one.

        Raises:
            UserError: naming the processes and what differs.
        """
        values = self.gather(value)
        other = [n for n, its in enumerate(values) if its != values[0]]
        if other:
            which = ", ".join(map(str, other))
            raise UserError(
                f"process {which} of this run has {what} {values[other[0]]}, process 0 has "
                f"{values[0]}: all need the same commit, options and data"
            )

    def fail(self, sentence: str) -> None:
        """Tell the others why this process ends."""
        if self.size > 1 and self.store is not None:
            try:
                if not self.store.check([_FAILURE]):
                    self.store.set(_FAILURE, f"process {self.rank}: {sentence}")
            except RuntimeError:
                pass  # nobody is left to be told

    def _do(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except RuntimeError as error:  # what gloo and NCCL raise when a connection ends
            raise RankLost(self._why(error)) from None

    def _why(self, error: RuntimeError) -> str:
        for _ in range(20):  # the message may come a moment after the end
            try:
                if self.store.check([_FAILURE]):
                    return str(self.store.get(_FAILURE).decode())
            except RuntimeError:
                break
            time.sleep(0.1)
        first = str(error).splitlines()[0][:200]
        return f"another process of this run has ended without a word ({first})"


ALONE = Ranks()
_current = ALONE


def ranks() -> Ranks:
    """The processes of this run."""
    return _current


def _buckets(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    """Tensors of one kind of numbers together, up to 64 MiB."""
    buckets: list[list[Tensor]] = []
    room: dict[Any, int] = {}
    place: dict[Any, list[Tensor]] = {}
    for tensor in tensors:
        size = tensor.numel() * tensor.element_size()
        if room.get(tensor.dtype, 0) < size:
            place[tensor.dtype], room[tensor.dtype] = [], _BUCKET
            buckets.append(place[tensor.dtype])
        place[tensor.dtype].append(tensor)
        room[tensor.dtype] -= size
    return buckets


def several() -> bool:
    """Whether this process was started as one of several."""
    return int(_environment().get("WORLD_SIZE", 1)) > 1


def _environment() -> dict[str, str]:
    """RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT, as torchrun sets them, or from Slurm."""
    env = os.environ
    if all(name in env for name in _NEEDED):
        return {name: env[name] for name in _NEEDED} | {"LOCAL_RANK": env.get("LOCAL_RANK", "0")}
    # those of a step: in a batch script, which is one process, the job's are set too
    if int(env.get("SLURM_STEP_NUM_TASKS", 1)) > 1 and "SLURM_PROCID" in env:
        return {
            "RANK": env["SLURM_PROCID"],
            "WORLD_SIZE": env["SLURM_STEP_NUM_TASKS"],
            "LOCAL_RANK": env.get("SLURM_LOCALID", "0"),
            "MASTER_ADDR": env.get("MASTER_ADDR")
            or _first_node(env.get("SLURM_STEP_NODELIST", "")),
            "MASTER_PORT": env.get("MASTER_PORT")
            or str(20000 + int(env.get("SLURM_JOB_ID", 0)) % 20000),
        }
    return {}


def _first_node(nodes: str) -> str:
    try:
        done = subprocess.run(
            ["scontrol", "show", "hostnames", nodes], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        raise UserError(
            f"the first of the nodes {nodes!r} cannot be told (scontrol show hostnames); set MASTER_ADDR"
        ) from None
    return done.stdout.split()[0]


def join(gpu: bool) -> Ranks:
    """Meet the other processes, if there are any.

    Args:
        gpu: whether tensors are on a GPU (NCCL; what is on the CPU always goes by gloo).

    Raises:
        UserError: they cannot be met: the address, the port, or a process that is missing.
    """
    global _current
    env = _environment()
    if int(env.get("WORLD_SIZE", 1)) < 2 or _current.size > 1:
        return _current
    import torch.distributed as dist
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    os.environ.update(env)
    _watch_parent()
    where = f"{env['MASTER_ADDR']}:{env['MASTER_PORT']}"
    try:
        store, rank, size = next(rendezvous("env://", timeout=timedelta(minutes=5)))
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if gpu else "gloo",
            store=PrefixStore("vclipbench/group", store),
            rank=rank,
            world_size=size,
            timeout=_WAIT,
        )
    except (RuntimeError, ValueError) as error:
        words = str(error)
        why = "the port is in use" if "EADDRINUSE" in words or "in use" in words else words
        raise UserError(
            f"the {env['WORLD_SIZE']} processes of this run cannot meet at {where}: "
            f"{why.splitlines()[0][:200]}; set another MASTER_PORT"
        ) from None
    _current = Ranks(rank, size, int(env["LOCAL_RANK"]), store)
    if rank:
        silence()
    return _current


def _watch_parent() -> None:
    """End with the process that started this one, which otherwise would leave it behind."""
    parent = os.environ.get(PARENT)

    def watch() -> None:
        while os.getppid() == int(parent or 0):
            time.sleep(1)
        os._exit(1)

    if parent:
        threading.Thread(target=watch, daemon=True).start()
