"""What a process that draws has to know of the machine that it runs on."""

import os

_DRIVERS = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "HSA_OVERRIDE_GFX_VERSION",
            "PYTORCH_ENABLE_MPS_FALLBACK", "OMP_NUM_THREADS")  # fmt: skip


def driver_environment() -> dict[str, str]:
    """The variables by which graphics cards and their drivers are found, and how many threads may draw; no key is among them."""
    return {name: os.environ[name] for name in _DRIVERS if name in os.environ}
