"""Loaders whose workers go, or find no room."""

import os
import signal

import pytest
import torch
from vclipbench.bench import loading
from vclipbench.bench.errors import RunFailed


class Dying(torch.utils.data.Dataset):
    """Item 3 ends its process, as a lack of memory would."""

    def __len__(self):
        return 8

    def __getitem__(self, number):
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return number


def test_a_worker_that_is_ended_from_outside():
    with pytest.raises(RunFailed, match=r"ended from outside .* data\.workers=1; the same command"):
        list(loading.batches(loading.loader(Dying(), 1, batch_size=None)))


@pytest.mark.parametrize(
    "message",
    [
        "unable to allocate shared memory(shm) for file </torch_1_2_3>: Cannot allocate memory (12)",
        "unable to write to file </torch_5_6_7>: No space left on device (28)",
        "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's "
        "workers are out of shared memory. Please try to raise your shared memory limit.",
    ],
)
def test_no_room_for_what_workers_hand_over(message):
    def failing():
        raise RuntimeError(message)
        yield

    with pytest.raises(RunFailed, match=r"room left in /dev/shm.*data\.workers=0"):
        list(loading.batches(failing()))


def test_other_errors_pass():
    def failing():
        raise RuntimeError("a bug")
        yield

    with pytest.raises(RuntimeError, match="a bug"):
        list(loading.batches(failing()))


def test_workers_pass_over_signals():
    class Signals(torch.utils.data.Dataset):
        def __len__(self):
            return 1

        def __getitem__(self, number):
            return [signal.getsignal(n) == signal.SIG_IGN for n in (signal.SIGINT, signal.SIGTERM)]

    assert list(loading.loader(Signals(), 1, batch_size=None)) == [[True, True]]
