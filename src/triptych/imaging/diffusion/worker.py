"""The process that draws with open models: `python -m triptych.imaging.diffusion.worker`.

It reads jobs from its standard input (a line of JSON, then the bytes that go along) and tells in the same way. It keeps the model of its last
job, so that the next begins at once; it ends with its input. Nothing but the answers goes to standard output, and what libraries print
goes nowhere: they quote prompts.
"""

import gc
import json
import os
import sys
import threading
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

import msgspec
import torch
from PIL import Image

from triptych.imaging.diffusion.drawing import Painter, StoppedError
from triptych.imaging.diffusion.folder import read_folder
from triptych.imaging.diffusion.glimpse import Glimpses
from triptych.imaging.diffusion.job import DrawError, DrawJob
from triptych.imaging.diffusion.loading import decide, facts, load, machine, settle
from triptych.imaging.diffusion.memory import Machine, Placement
from triptych.imaging.header import MAX_PIXELS
from triptych.spec.errors import HostileContentError

BROKEN = (RuntimeError, ValueError, OSError, TypeError, AttributeError, LookupError, ImportError, MemoryError)
"""What diffusers and what it loads raise for a model that is damaged or of another version."""


@dataclass(slots=True)
class Desk:
    """What stays between jobs."""

    out: BinaryIO
    asked: "SimpleQueue[tuple[dict[str, Any], bytes]]" = field(default_factory=SimpleQueue)
    stop: threading.Event = field(default_factory=threading.Event)
    painter: Painter | None = None
    placed: tuple[Machine, Placement] | None = None

    def say(self, head: Mapping[str, Any], body: bytes = b"") -> None:
        self.out.write(json.dumps({**head, "length": len(body)}).encode() + b"\n" + body)
        self.out.flush()

    def listen(self, source: BinaryIO) -> None:
        """Until the input ends, and the process with it: whoever asked has gone."""
        while line := source.readline():
            head = json.loads(line)
            body = source.read(int(head["length"]))
            if head["op"] == "stop":
                self.stop.set()
            else:
                self.stop.clear()
                self.asked.put((head, body))
        os._exit(0)

    def serve(self) -> None:
        """One job after the other."""
        while True:
            head, body = self.asked.get()
            if head["op"] == "look":
                self.say({"machine": asdict(machine())})
                continue
            try:
                self._draw(msgspec.convert(head["job"], DrawJob), body)
            except StoppedError:
                self.say({"stopped": True})
            except (DrawError, HostileContentError) as error:
                self.say({"error": error.message, "hint": error.hint})
            except BROKEN as error:
                self.painter = None
                said = " ".join(str(error).split())[:200]
                self.say({"error": f"The model could not be used: {type(error).__name__}: {said}", "hint": None})

    def _draw(self, job: DrawJob, data: bytes) -> None:
        painter, (here, placed) = self._ready(job)
        if self.stop.is_set():
            raise StoppedError
        self.say({"begun": facts(here, placed)})
        if job.previews and painter.glimpses is None:
            try:
                painter.glimpses = Glimpses(painter.pipe)
            except BROKEN:
                painter.glimpses = None  # the picture comes without, and `shown` tells it
        unread = painter.unread(job.prompt)
        made = painter.draw(job, data, placed.at_once)
        sizes = [None if one is None else len(one) for one in made]
        self.say(
            {"done": sizes, "unread": unread, "shown": painter.shown}, b"".join(one for one in made if one is not None)
        )

    def _ready(self, job: DrawJob) -> tuple[Painter, tuple[Machine, Placement]]:
        """The model, loaded. One that is loaded for it stays; another makes room first. Raises DrawError."""
        folder = Path(job.folder)
        if (
            self.painter is not None
            and self.placed is not None
            and self.painter.model.folder == folder
            and job.exact in {None, self.placed[1].exact}
        ):
            return self.painter, self._grown(job, self.painter, self.placed)
        self.painter = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.say({"loading": True})
        model, here = read_folder(folder), machine()
        placed = decide(model, here, job.width * job.height, len(job.seeds), job.exact)
        pipe = load(model, here, placed)
        self.painter = Painter(model, pipe, lambda done, preview: self.say({"step": done}, preview or b""), self.stop.is_set,
                               lambda other: settle(other, here, placed))  # fmt: skip
        self.placed = here, placed
        return self.painter, self.placed

    def _grown(self, job: DrawJob, painter: Painter, before: tuple[Machine, Placement]) -> tuple[Machine, Placement]:
        """For a model that is there: how many pictures are drawn together now, everything else as it was."""
        here, placed = before
        fits = decide(painter.model, here, job.width * job.height, len(job.seeds), job.exact)
        return here, Placement(way=placed.way, precision=placed.precision, at_once=fits.at_once)


def main() -> None:
    """Serves until the input ends."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    Image.init()
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    desk = Desk(out)
    threading.Thread(target=desk.listen, args=(sys.stdin.buffer,), daemon=True).start()
    desk.serve()


if __name__ == "__main__":
    main()
