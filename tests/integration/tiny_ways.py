"""Loads the tiny model in every way, and draws with each: by words, from a picture, within a mask. A process of its own for a test.

The processor stands in for a graphics card where networks or layers are brought to it and taken away again: the hooks are the same, and so
is what they leave behind."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tests.unit.adapter_kit import png

from triptych.imaging.diffusion.drawing import Painter
from triptych.imaging.diffusion.folder import read_folder
from triptych.imaging.diffusion.glimpse import Glimpses
from triptych.imaging.diffusion.job import DrawError, DrawJob
from triptych.imaging.diffusion.loading import decide, facts, load, machine, settle
from triptych.imaging.diffusion.memory import Placement, Way

SOURCE, MASK = png("RGB", (200, 30, 30), (32, 32)), png("RGBA", (0, 0, 0, 0), (32, 32))
WAYS: tuple[Way, ...] = ("whole", "eighths", "parts", "layers")
JOB = DrawJob(folder="", prompt="a fox", seeds=(1, 2), width=16, height=16, steps=2, guidance=5.0)
JOBS = {
    "words": (JOB, b""), "picture": (replace(JOB, strength=0.6, lengths=(len(SOURCE), 0)), SOURCE),
    "mask": (replace(JOB, lengths=(len(SOURCE), len(MASK))), SOURCE + MASK),
}  # fmt: skip


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def kept(pipe: Any) -> str:
    """With what numbers each network is kept."""
    return " ".join(
        f"{name}={'+'.join(sorted({str(one.dtype).removeprefix('torch.') for one in network.parameters()}))}"
        for name, network in sorted(pipe.components.items()) if isinstance(network, torch.nn.Module)
    )  # fmt: skip


def plain_processor(pipe: Any) -> None:
    """Layers are brought to `cpu`, not to `cpu:0`: accelerate takes the copy between the two for no parameter."""
    for network in pipe.components.values():
        for layer in network.modules() if isinstance(network, torch.nn.Module) else ():
            if getattr(getattr(layer, "_hf_hook", None), "execution_device", None) is not None:
                layer._hf_hook.execution_device = torch.device("cpu")


def halved(pipe: Any, painter: Painter) -> None:
    whole, tries = pipe.unet.forward, list[int]()

    def short(*given: Any, **more: Any) -> object:
        """Has room for one picture, which with guidance are two."""
        tries.append(len(given[0]))
        if tries[-1] > 2:
            raise torch.OutOfMemoryError
        return whole(*given, **more)

    pipe.unet.forward = short
    say("halved", len(painter.draw(JOB, b"", 2)), tries[0], tries[1])


def main() -> None:
    torch.set_num_threads(1)
    model, here = read_folder(Path(sys.argv[1])), machine()
    for way in WAYS:
        placed = Placement(way=way, precision="bfloat16", at_once=2)
        pipe = load(model, here, placed)
        if way == "layers":
            plain_processor(pipe)
        before = kept(pipe)
        painter = Painter(model, pipe, lambda *_: None, lambda: False, lambda other: settle(other, here, placed))  # noqa: B023
        painter.glimpses = Glimpses(pipe)
        made = {name: painter.draw(job, data, 2) for name, (job, data) in JOBS.items()}
        say(way, facts(here, placed)["precision"], before)
        say("as before", kept(pipe) == before, painter.draw(JOB, b"", 2) == made["words"])
        say("pictures", len([one for group in made.values() for one in group if one]), made["picture"] != made["words"])
        if way in {"whole", "eighths"}:
            halved(pipe, painter)
    try:
        decide(model, replace(here, free=1 << 20, main=1 << 20), 64 * 64, 1)
    except DrawError as error:
        say(error.message)


if __name__ == "__main__":
    main()
