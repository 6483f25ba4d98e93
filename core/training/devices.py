"""Where a run trains, and in which precision."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import re

import torch
from torch import Tensor

from core.config import RunConfig
from core.language import Message
from core.runs import RunError


def choose_device(config: RunConfig) -> torch.device:
    """The device of `training.device`. Raises RunError when CUDA is asked for and absent."""
    wish = config.training.device
    if wish == "cuda" and not torch.cuda.is_available():
        raise RunError(Message("training.device: there is no CUDA GPU here; accepted: auto, cpu"))
    if wish == "auto":
        wish = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wish)


# What allocators say: PyTorch's on a processor, C++'s, CUDA's libraries'.
OUT_OF_MEMORY = re.compile(
    r"DefaultCPUAllocator|not enough memory|can.?t allocate memory|bad_alloc"
    r"|CUDA error: out of memory|CUDA out of memory|_STATUS_ALLOC_FAILED"
)


def is_out_of_memory(error: Exception) -> bool:
    """Whether something could not get the memory that it asked for."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(OUT_OF_MEMORY.search(str(error)))


# glibc's names, and sizes from which an allocation is a mapping of its own, which is given back at
# once: its own default grows to the second.
MMAP_THRESHOLD, SMALL, USUAL = -3, 2**20, 2**25


def keep_heap_small(small: bool) -> None:
    """Give what is freed back to the machine at once, at the price of speed, or as usual again.

    Between blocks that are computed again glibc's heap keeps gaps of several times their size: 48
    layers of width 128 then took 690 MB instead of 170, and 30 % less time.
    """
    if small or _kept_small:
        with contextlib.suppress(OSError, AttributeError):  # another system's library
            ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, SMALL if small else USUAL)
            _kept_small.append(small)


_kept_small: list[bool] = []


def to_device(part: Tensor, device: torch.device) -> Tensor:
    """A batch's tensor on the device, copied while the processor goes on."""
    if device.type == "cuda":
        return part.pin_memory().to(device, non_blocking=True)
    return part


def set_products(wish: str, device: torch.device) -> None:
    """On a GPU, where float32 was not asked for, the products that are left in it may be TF32's."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = wish != "float32"
        torch.backends.cudnn.allow_tf32 = wish != "float32"


def has_bfloat16_instructions() -> bool:
    """Whether the processor multiplies in bfloat16 itself (AVX-512 BF16, AMX, or ARM's)."""
    ask = getattr(torch.cpu, "get_capabilities", None)
    if ask is None:  # of an older PyTorch: nobody is warned
        return True
    return any(bool(on) and "bf16" in name for name, on in ask().items())


def precision(wish: str, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Autocast to bfloat16, or nothing, as `training.precision` says."""
    if wish == "float32" or (wish == "auto" and device.type == "cpu"):
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
