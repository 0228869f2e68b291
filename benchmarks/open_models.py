"""Pictures per minute of an open model: drawn by the program's own process, against diffusers alone in a process of its own.

`python -m benchmarks.open_models [--device cuda] [--model FOLDER] [--side 1024] [--steps 25] [--rounds 5]` visits every target in turn in every
round, over the same folder with the same dtype, size, steps and seeds, and prints medians with the ratio to diffusers alone. Both keep the
model loaded, and both end with PNG files; loading is not counted, and the first picture of each is thrown away. Without `--model` the weights are
random ones of a tiny Stable Diffusion, so that the figures say what the program adds and nothing about any real model. It is no test.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from triptych.imaging.diffusion.easel import Easel
from triptych.imaging.diffusion.folder import read_folder
from triptych.imaging.diffusion.job import Begun, DrawJob, News

ROOT = Path(__file__).parents[1]
PLAIN = """
import io, json, sys, diffusers, torch
asked = json.loads(sys.argv[1])
pipe = diffusers.DiffusionPipeline.from_pretrained(asked["folder"], dtype=getattr(torch, asked["dtype"]), variant=asked["variant"],
                                                  use_safetensors=True, local_files_only=True).to(asked["device"])
pipe.set_progress_bar_config(disable=True)
for line in sys.stdin:
    seeds = json.loads(line)
    made = pipe(prompt=asked["prompt"], num_inference_steps=asked["steps"], width=asked["side"], height=asked["side"],
                num_images_per_prompt=len(seeds), generator=[torch.Generator().manual_seed(seed) for seed in seeds],
                **{asked["guidance_name"]: asked["guidance"]})
    sizes = []
    for one in made.images:
        file = io.BytesIO()
        one.save(file, "PNG")
        sizes.append(len(file.getvalue()))
    print(json.dumps(sizes), flush=True)
"""
Draw = Callable[[tuple[int, ...]], Awaitable[None]]
Sample = tuple[float, float]


def cpu_of(pid: int) -> float:
    """CPU seconds of a process that runs, all of its threads; NaN where the system does not say."""
    path = Path(f"/proc/{pid}/stat")
    if not path.is_file():
        return float("nan")
    fields = path.read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def timed(draw: Draw, seeds: tuple[int, ...], pid: Callable[[], int]) -> Sample:
    """Seconds by the clock and of CPU of the process that draws, for one picture."""
    cpu, start = cpu_of(pid()), time.perf_counter()
    await draw(seeds)
    return (time.perf_counter() - start) / len(seeds), (cpu_of(pid()) - cpu) / len(seeds)


async def diffusers_alone(asked: dict[str, object], calm: dict[str, str]) -> tuple[Process, Draw]:
    """Its process, and how it draws. Drawing raises SystemExit where it fails."""
    plain = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-c", PLAIN, json.dumps(asked), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env={**os.environ, **calm},
    )  # fmt: skip

    async def alone(seeds: tuple[int, ...]) -> None:
        if plain.stdin is None or plain.stdout is None:
            raise SystemExit("diffusers alone cannot be spoken to")
        plain.stdin.write(json.dumps(seeds).encode() + b"\n")
        if not await plain.stdout.readline():
            raise SystemExit("diffusers alone did not draw")

    return plain, alone


async def compare(given: argparse.Namespace, folder: Path) -> None:
    """Raises SystemExit where the device is another one than was asked for."""
    model = read_folder(folder)
    calm = {"OMP_NUM_THREADS": str(given.threads)} | ({"CUDA_VISIBLE_DEVICES": ""} if given.device == "cpu" else {})
    easel, facts = Easel(calm), dict[str, object]()
    guidance = model.kind.guidance if given.guidance is None else given.guidance

    async def hear(news: News) -> None:
        if isinstance(news, Begun):
            facts.update(news.facts)

    def ours(*, previews: bool) -> Draw:
        async def draw(seeds: tuple[int, ...]) -> None:
            job = DrawJob(folder=str(folder), prompt="a lighthouse in the rain", seeds=seeds, width=given.side, height=given.side,
                          steps=given.steps, guidance=guidance, previews=previews)  # fmt: skip
            await easel.draw(job, b"", seconds=3600, hear=hear)

        return draw

    await ours(previews=True)((1,))
    if facts["device"] != given.device:
        raise SystemExit(f"This machine draws on {facts['device']}, not on {given.device}.")
    asked = {"folder": str(folder), "dtype": facts["precision"], "variant": model.variant, "device": given.device, "steps": given.steps,
             "side": given.side, "prompt": "a lighthouse in the rain", "guidance": guidance, "guidance_name": model.kind.guidance_name}  # fmt: skip
    plain, alone = await diffusers_alone(asked, calm)
    await alone((1,))
    targets: dict[str, tuple[Draw, Callable[[], int]]] = {
        "diffusers alone": (alone, lambda: plain.pid), "triptych": (ours(previews=False), lambda: easel.pid or 0),
        "triptych, with previews": (ours(previews=True), lambda: easel.pid or 0),
    }  # fmt: skip
    samples: dict[str, list[Sample]] = {name: [] for name in targets}
    for turn in range(given.rounds):
        seeds = tuple(range(turn * given.pictures, (turn + 1) * given.pictures))
        for name, (draw, pid) in targets.items():
            samples[name].append(await timed(draw, seeds, pid))
    if plain.stdin is not None:
        plain.stdin.close()
    await plain.wait()
    await easel.aclose()
    report(given, facts, samples)


def report(given: argparse.Namespace, facts: dict[str, object], samples: dict[str, list[Sample]]) -> None:
    """Prints a table."""
    now, load = datetime.now(UTC), os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{now:%Y-%m-%d %H:%M} UTC, {platform.machine()}, load {load:.1f}, {facts['on']}, {facts['precision']}, {facts['engine']}, "
          f"{given.side} x {given.side}, {given.steps} steps, {given.pictures} at a time, {given.rounds} rounds, {given.threads} thread(s)\n")  # fmt: skip
    print("| target | pictures/min | s by the clock | s of CPU | CPU, ratio (least–most) |\n|---|---|---|---|---|")
    base = [cpu for _, cpu in samples["diffusers alone"]]
    for name, taken in samples.items():
        clock, cpu = (statistics.median(column) for column in zip(*taken, strict=True))
        ratios = [one / other for (_, one), other in zip(taken, base, strict=True) if other]
        said = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})" if ratios else "–"
        print(f"| {name} | {60 / clock:.1f} | {clock:.2f} | {cpu:.2f} | {said} |")


def main() -> None:
    """Reads the command line, and makes the tiny model where none is named."""
    reads = argparse.ArgumentParser(prog="python -m benchmarks.open_models")
    reads.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu")
    reads.add_argument("--model", type=Path)
    reads.add_argument("--guidance", type=float)
    for name, number in (("side", 64), ("steps", 20), ("rounds", 5), ("pictures", 1), ("threads", 1)):
        reads.add_argument(f"--{name}", type=int, default=number)
    given = reads.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = given.model or Path(place) / "tiny"
        if given.model is None:
            words = [sys.executable, "-W", "ignore", "-m", "tests.unit.tiny_pipeline", str(folder)]
            subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        asyncio.run(compare(given, folder))


if __name__ == "__main__":
    main()
