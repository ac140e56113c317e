"""On what is measured: device, sizes, precision."""

from __future__ import annotations

import datetime
import platform
import shutil
import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

TINY = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}

# Dense bf16 peaks with float32 sums and without sparsity, TFLOP/s, by the exact name that the driver gives.
# Source: NVIDIA's data sheets (A100, H100 SXM, H200 SXM, L40S), its papers on Ada and Ampere GeForce cards.
PEAKS = {
    "NVIDIA H200": 989.0,
    "NVIDIA H100 80GB HBM3": 989.0,
    "NVIDIA A100-SXM4-40GB": 312.0,
    "NVIDIA A100-SXM4-80GB": 312.0,
    "NVIDIA A100-PCIE-40GB": 312.0,
    "NVIDIA A100 80GB PCIe": 312.0,
    "NVIDIA L40S": 362.0,
    "NVIDIA GeForce RTX 4090": 165.0,
    "NVIDIA GeForce RTX 3090": 71.0,
}


@dataclass(frozen=True)
class Shape:
    """Sizes of a training step: groups, videos of a group, and classes."""

    groups: int
    videos: int
    classes: int


@dataclass(frozen=True)
class Setting:
    """Sizes of everything that is measured.

    Attributes:
        small: tiny sizes, to see that the script works.
    """

    device: torch.device
    small: bool

    @property
    def backbone(self) -> str | dict[str, Any]:
        """What methods are built on, with random weights."""
        return TINY if self.small else "ViT-B-16-quickgelu"

    @property
    def frames(self) -> tuple[int, ...]:
        """Lengths of the clips."""
        return (2, 4) if self.small else (8, 16)

    @property
    def step(self) -> Shape:
        """Of a training step."""
        return Shape(2, 2, 10) if self.small else Shape(4, 4, 100)

    @property
    def batch(self) -> int:
        """Videos of a forward pass in evaluation."""
        return 4 if self.small else 32

    @property
    def rounds(self) -> int:
        """Measured times of each, of which the median counts; one more comes first and does not."""
        return 3 if self.small else 5

    @property
    def half(self) -> torch.dtype:
        """The type of numbers in which speed is measured."""
        if self.device.type == "cuda" and not torch.cuda.is_bf16_supported():
            return torch.float16
        return torch.bfloat16

    def autocast(self) -> AbstractContextManager[Any]:
        """Around each forward pass whose speed is measured."""
        return torch.autocast(self.device.type, self.half)

    @property
    def peak(self) -> float | None:
        """Dense peak of the device, FLOP/s; None where it is not known."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""
        return PEAKS[name] * 1e12 if name in PEAKS else None

    def title(self) -> str:
        """Device, driver, versions and date, in one line."""
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        torch_words = f"torch {torch.__version__}"
        if self.device.type != "cuda":
            name = platform.processor() or platform.machine()
            return f"CPU ({name}), {torch.get_num_threads()} threads, {torch_words}, {today}"
        name = torch.cuda.get_device_name(self.device)
        return f"{name}, driver {_driver()}, CUDA {torch.version.cuda}, {torch_words}, {today}"

    def words(self) -> str:
        """Sizes, in one line."""
        model = "a tiny CLIP (small)" if self.small else "ViT-B/16, 224 px"
        kind = str(self.half).removeprefix("torch.")
        return (
            f"{model}, random weights, autocast to {kind}; evaluation of {self.batch} clips a pass, "
            f"training steps of {self.step.groups} groups of {self.step.videos} videos, "
            f"{self.step.classes} classes; "
            f"medians of {self.rounds}"
        )


def _driver() -> str:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "unknown"
    ask = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    lines = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.split()
    return lines[0] if lines else "unknown"
