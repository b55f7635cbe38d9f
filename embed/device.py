"""The one place where data moves between numpy and a torch device, and where a device is chosen."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from bookgraph.core.errors import UsageError


def resolve_device(name: str) -> torch.device:
    """Turn a device's name into a device that is there.

    Args:
        name: `auto` takes CUDA where there is one, else the CPU; any torch device name otherwise.

    Raises:
        UsageError: torch does not know the name, or this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        message = f"The device {name!r} is unknown; use auto, cpu, cuda or cuda:N."
        raise UsageError(message) from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        message = (
            f"The device {name!r} was asked for and torch sees {torch.cuda.device_count()} CUDA "
            "devices here; use auto or cpu, or install a torch build with CUDA."
        )
        raise UsageError(message)
    return device


def make_generator(device: torch.device, *, seed: int) -> torch.Generator:
    """A random generator that draws on the device itself, started from the seed."""
    return torch.Generator(device=device).manual_seed(seed)


def to_device(array: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """Copy an array to the device; dtype and shape stay."""
    # np.ascontiguousarray would turn a single number into a row of one.
    return torch.from_numpy(np.array(array, order="C")).to(device)


def to_numpy(tensor: torch.Tensor) -> NDArray[np.float32]:
    """Copy a tensor of floats back, as a C-contiguous float32 array."""
    return np.ascontiguousarray(tensor.detach().to("cpu", torch.float32).numpy())
