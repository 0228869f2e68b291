"""What the program knows of PyTorch and diffusers. Only a process of its own loads them: that takes seconds and gigabytes."""

import os
from functools import cache
from importlib.util import find_spec

from triptych.imaging.diffusion.memory import Machine

EXTRA = "pip install 'triptych[local]'"
_PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "accelerate")


@cache
def installed() -> bool:
    """Whether the extra is there; asks without loading it."""
    return all(find_spec(name) is not None for name in _PACKAGES)


def main_memory() -> Machine:
    """This machine as a processor with its main memory, as far as the system tells without PyTorch; three quarters count as free."""
    names = getattr(os, "sysconf_names", {})
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if "SC_PHYS_PAGES" in names else 0
    return Machine(device="cpu", name="processor", free=whole * 3 // 4, main=whole * 3 // 4)
