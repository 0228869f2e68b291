"""Reads a model into memory, in the way that was decided for this machine. Loaded only in the process that draws."""

from typing import Any

import diffusers
import psutil
import torch

from triptych.imaging.diffusion.folder import OpenModel
from triptych.imaging.diffusion.job import DrawError
from triptych.imaging.diffusion.memory import GIB, HELD, Machine, Placement, place, roomiest, weights
from triptych.spec.json import Json

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def machine() -> Machine:
    """What this machine has now."""
    main = int(psutil.virtual_memory().available)
    if torch.cuda.is_available():
        free = [int(torch.cuda.mem_get_info(card)[0]) for card in range(torch.cuda.device_count())]
        card = roomiest(free)
        torch.cuda.set_device(card)
        return Machine(device="cuda", name=torch.cuda.get_device_name(), free=free[card], main=main, card=card,
                       bfloat16=torch.cuda.is_bf16_supported(including_emulation=False))  # fmt: skip
    if torch.backends.mps.is_available():
        return Machine(device="mps", name="Apple", free=min(main, int(torch.mps.recommended_max_memory())), main=main)
    return Machine(device="cpu", name="processor", free=main, main=main)


def decide(model: OpenModel, here: Machine, pixels: int, pictures: int, exact: str | None = None) -> Placement:
    """How it is loaded. Raises DrawError where it fits in no way, with what it needs and what there is, and where it does not fit if it has
    to reckon in one way."""
    found = place(model.parts, here, pixels, pictures, exact)
    if found is None and exact is not None:
        raise DrawError(f"{model.folder.name} does not fit in {exact} now, and this node has said that it draws so.",
                        "Close other programs, or start the node again.")  # fmt: skip
    if found is None:
        needed = weights(model.parts, "bfloat16") / GIB
        raise DrawError(f"{model.folder.name} does not fit: its weights take {needed:.1f} GB at 16 bits, and {here.free / GIB:.1f} GB "
                        f"of the {here.name}'s memory and {here.main / GIB:.1f} GB of main memory are free.",
                        "Choose a smaller model or a smaller picture, or close other programs.")  # fmt: skip
    return found


def load(model: OpenModel, here: Machine, wanted: Placement) -> Any:
    """The pipeline, ready to draw. Raises OSError, ValueError, RuntimeError and what else diffusers raises for a folder that is damaged."""
    dtype = _DTYPES[wanted.precision]
    given: dict[str, Any] = {
        "dtype": dtype,
        "variant": model.variant,
        "local_files_only": True,
        "use_safetensors": True,
    }
    made: dict[str, Any] = {}
    if wanted.way == "eighths":  # one network after the other, so that the largest is small before the next one comes
        for name, kind in model.denoisers.items():
            made[name] = getattr(diffusers, kind).from_pretrained(str(model.folder), subfolder=name, **given)
            made[name].enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=dtype)
    pipe = diffusers.DiffusionPipeline.from_pretrained(str(model.folder), trust_remote_code=False, **given, **made)
    pipe.set_progress_bar_config(disable=True)
    if hasattr(getattr(pipe, "vae", None), "enable_slicing"):
        pipe.vae.enable_slicing()
    if wanted.way == "layers":
        pipe.enable_sequential_cpu_offload(device=here.place)
    else:
        settle(pipe, here, wanted)
    return pipe


def settle(pipe: Any, here: Machine, wanted: Placement) -> None:
    """Brings a pipeline to where it draws; also another one over the same networks, after which the first still draws. Drawn one layer at
    a time, its networks bring each layer by themselves, whatever pipeline calls them."""
    if wanted.way == "parts":
        pipe.enable_model_cpu_offload(device=here.place)
    elif wanted.way != "layers":
        pipe.to(here.place)


def facts(here: Machine, wanted: Placement) -> dict[str, Json]:
    """How it is drawn, as the record of the call keeps it."""
    return {"device": here.device, "on": here.name, "precision": wanted.precision, "held": HELD[wanted.way],
            "engine": f"diffusers {diffusers.__version__}, torch {torch.__version__}"}  # fmt: skip
