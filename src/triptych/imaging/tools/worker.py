"""The process of one tool: `python -m triptych.imaging.tools.worker`.

It reads one job from its standard input (a line of JSON, then the picture), tells its progress line by line, writes the
result (a line of JSON, then the file) and ends. It holds itself to limits of memory and processor time, writes no file and
has no environment worth stealing; when it dies nothing dies with it.
"""

import json
import os
import sys
import warnings
from base64 import b64encode
from typing import Any, BinaryIO

from PIL import Image

from triptych.imaging.decode import DAMAGED, encode, open_picture
from triptych.imaging.header import MAX_PIXELS
from triptych.imaging.tools.cutout import cut_out
from triptych.imaging.tools.embed import embedded
from triptych.imaging.tools.enlarge import enlarged, resampled
from triptych.imaging.tools.job import ToolError, ToolJob, Weights
from triptych.imaging.tools.network import open_network
from triptych.imaging.worker import limit_memory, limit_processor
from triptych.spec.errors import HostileContentError


def from_json(said: dict[str, Any]) -> ToolJob:
    """The job again, after it crossed as what `dataclasses.asdict` makes of it."""
    weights = said["weights"]
    given = {"weights": None if weights is None else Weights(**weights), "lengths": tuple(said["lengths"])}
    return ToolJob(**{**said, **given})


def _embedded(job: ToolJob, data: bytes) -> bytes:
    """A line for each picture: its vector in base64, nothing for a file that cannot be opened."""
    if job.weights is None:
        raise ToolError("Vectors are made by a network.")
    net, seen, start = open_network(job.weights, "image_embeds"), [], 0
    for length in job.lengths:
        try:
            vector = embedded(open_picture(data[start : start + length]), net, job.side)
        except HostileContentError:
            vector = b""
        seen.append(b64encode(vector))
        start += length
    return b"\n".join(seen)


def _done(job: ToolJob, data: bytes, out: BinaryIO) -> bytes:
    if job.kind == "embed":
        return _embedded(job, data)

    def told(share: float) -> None:
        _answer(out, {"progress": round(share, 4)})

    image = open_picture(data)
    size = (job.width, job.height)
    if (image.width - image.height) * (job.width - job.height) < 0:  # the file lies on its side, and was put upright
        size = (job.height, job.width)
    if job.kind == "resample" or job.weights is None:
        made = resampled(image, size)
    elif job.kind == "enlarge":
        made = enlarged(image, open_network(job.weights), job.factor, size, told)
    else:
        made = cut_out(image, open_network(job.weights), job.side, job.scale, told)
    return encode(made, "image/png", quick=True)


def _answer(out: BinaryIO, head: dict[str, Any], body: bytes = b"") -> None:
    out.write(json.dumps({**head, "length": len(body)}).encode() + b"\n" + body)
    out.flush()


def main() -> None:
    """Does one job."""
    warnings.simplefilter("ignore")
    Image.init()
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    source, out = sys.stdin.buffer, sys.stdout.buffer
    head = json.loads(source.readline())
    job = from_json(head["job"])
    limit_memory(job.memory_mib)
    limit_processor(int(head["cpu_s"]))
    if job.kind == "embed" and hasattr(os, "nice"):
        os.nice(10)  # nobody waits for it
    data = source.read(int(head["length"]))
    try:
        body = _done(job, data, out)
    except HostileContentError as error:
        _answer(out, {"error": "picture", "message": error.message, "hint": error.hint})
    except ToolError as error:
        _answer(out, {"error": "tool", "message": error.message, "hint": error.hint})
    except MemoryError:
        message = f"It needs more than the {job.memory_mib} MiB of memory that it may have."
        _answer(out, {"error": "tool", "message": message, "hint": "Use a smaller picture."})
    except DAMAGED as error:
        _answer(out, {"error": "tool", "message": f"The result could not be written: {error}.", "hint": None})
    else:
        _answer(out, {"done": True}, body)


if __name__ == "__main__":
    main()
