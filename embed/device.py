"""The one place that chooses a device and moves data between numpy and torch devices.

Other modules make new tensors on the device of the data they work on, and never move one.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from bookgraph.core.errors import UsageError

CPU = torch.device("cpu")

ModuleType = TypeVar("ModuleType", bound=torch.nn.Module)


def resolve_device(name: str) -> torch.device:
    """Turn a device's name into a device that exists on this machine.

    Args:
        name: `auto` (CUDA where available, otherwise the CPU) or any torch device name.

    Raises:
        UsageError: torch does not know the name, or this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(
            f"Unknown device: --device {name}. Use auto, cpu, cuda or cuda:N."
        ) from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"--device {name} is not available: torch finds {torch.cuda.device_count()} CUDA "
            "devices. Use auto or cpu, or install a torch build with CUDA."
        )
    return device


def make_generator(device: torch.device, *, seed: int) -> torch.Generator:
    """A random generator that draws on the device itself, started from the seed."""
    return torch.Generator(device=device).manual_seed(seed)


def to_device(array: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """Copy an array to the device; dtype and shape stay."""
    # np.ascontiguousarray would turn a single number into a row of one.
    return torch.from_numpy(np.array(array, order="C")).to(device)


def to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    """Copy a tensor to a C-contiguous array; dtype and shape stay."""
    return np.array(tensor.detach().cpu().numpy(), order="C")


def move_module(module: ModuleType, device: torch.device) -> ModuleType:
    """Move a module's parameters to the device, in place."""
    return module.to(device)
