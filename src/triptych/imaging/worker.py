"""The process in which hostile pictures are decoded: `python -m triptych.imaging.worker`.

It reads one job after the other from its standard input (a line of JSON, then the bytes) and writes its answer the same
way. It holds itself to limits of memory and processor time, has no environment worth stealing and ends with its input.
"""

import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, BinaryIO

from PIL import Image

from triptych.imaging import credentials
from triptych.imaging.apart import gap
from triptych.imaging.decode import DAMAGED, encode, open_picture
from triptych.imaging.header import MAX_PIXELS, PictureInfo, header
from triptych.imaging.looks import look_of
from triptych.imaging.mask import read_mask
from triptych.imaging.outpaint import Frame, extended
from triptych.imaging.prints import print_of
from triptych.imaging.provenance import told
from triptych.imaging.reframe import reframed
from triptych.imaging.restoring import restored_bytes
from triptych.spec.errors import HostileContentError

try:
    import resource
except ImportError:  # Windows has no such limits; the time limit of the caller still holds
    resource = None  # type: ignore[assignment]

Job = dict[str, Any]
Ask = Callable[[bytes], bytes]
"""Gets a signature from the process that holds the key."""
_DISPLAY_SIDE = 4096


def _info(data: bytes, image: Image.Image) -> PictureInfo:
    told = header(data)
    return PictureInfo(media_type=told.media_type, width=image.width, height=image.height,
                       has_alpha=image.mode == "RGBA", frames=told.frames)  # fmt: skip


def _inspect(data: bytes, _job: Job, _ask: Ask) -> tuple[Job, bytes]:
    return asdict(_info(data, open_picture(data))), b""


def _thumbnail(data: bytes, job: Job, _ask: Ask) -> tuple[Job, bytes]:
    image = open_picture(data)
    side = int(job["side"])
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return {"media_type": "image/webp"}, encode(image, "image/webp", 82)


def _convert(data: bytes, job: Job, _ask: Ask) -> tuple[Job, bytes]:
    media_type = str(job["media_type"])
    return {"media_type": media_type}, encode(open_picture(data), media_type, job["quality"])


def _display(data: bytes, _job: Job, _ask: Ask) -> tuple[Job, bytes]:
    image = open_picture(data)
    image.thumbnail((_DISPLAY_SIDE, _DISPLAY_SIDE), Image.Resampling.LANCZOS)
    return {"media_type": "image/webp"}, encode(image, "image/webp", 92)


def _read_credentials(data: bytes, job: Job, _ask: Ask) -> tuple[Job, bytes]:
    return credentials.read(data, header(data).media_type, job["anchors"]), b""


def _embed_credentials(data: bytes, job: Job, ask: Ask) -> tuple[Job, bytes]:
    """The picture comes first, the one that it was made from after it."""
    picture, parent = data[: job["size"]], data[job["size"] :]
    made_from = (parent, header(parent).media_type) if parent else None
    made = credentials.embed(picture, header(picture).media_type, job["manifest"], job["chain"], ask, made_from)
    return {}, made


def _restore(data: bytes, job: Job, _ask: Ask) -> tuple[Job, bytes]:
    """The answer comes first, then the source, then the mask; back go the restored picture and the map."""
    first, second = job["sizes"]
    done = restored_bytes(data[:first], data[first:second], data[second:])
    image = done.image or b""
    told = {"size": len(image), "shift": done.shift, "scale": done.scale, "changed": done.changed_permille}
    return told, image + (done.heat or b"")


def _mask(data: bytes, _job: Job, _ask: Ask) -> tuple[Job, bytes]:
    reading, mask = read_mask(data)
    return asdict(reading), mask


def _extend(data: bytes, job: Job, _ask: Ask) -> tuple[Job, bytes]:
    """Back go the picture in its frame and the mask."""
    whole, mask = extended(data, Frame(**job["frame"]))
    return {"size": len(whole)}, whole + mask


def _reframe(data: bytes, job: Job, _ask: Ask) -> tuple[Job, bytes]:
    box, (width, height) = job["box"], job["size"]
    part = None if box is None else (box[0], box[1], box[2], box[3])
    return {}, reframed(data, part, (width, height), job["media_type"], job["quality"], job["recipe"])


def _print(data: bytes, _job: Job, _ask: Ask) -> tuple[Job, bytes]:
    return asdict(print_of(open_picture(data))), b""


def _told(data: bytes, _job: Job, _ask: Ask) -> tuple[Job, bytes]:
    return told(data), b""


def _sample(data: bytes, _job: Job, _ask: Ask) -> tuple[Job, bytes]:
    image = open_picture(data)
    return {"shape": print_of(image).shape, "look": look_of(image)}, b""


def _apart(data: bytes, job: Job, _ask: Ask) -> tuple[Job, bytes]:
    """The reference comes first, then the suspect."""
    return asdict(gap(open_picture(data[: job["size"]]), open_picture(data[job["size"] :]))), b""


_JOBS: dict[str, Callable[[bytes, Job, Ask], tuple[Job, bytes]]] = {
    "inspect": _inspect,
    "thumbnail": _thumbnail,
    "convert": _convert,
    "display": _display,
    "read_credentials": _read_credentials,
    "embed_credentials": _embed_credentials,
    "print": _print,
    "sample": _sample,
    "told": _told,
    "restore": _restore,
    "mask": _mask,
    "reframe": _reframe,
    "extend": _extend,
    "apart": _apart,
}


def limit_memory(mebibytes: int) -> None:
    """Holds this process to so much memory; it writes no file and leaves no image of itself behind."""
    if resource is not None:
        limit = mebibytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def limit_processor(seconds: int) -> None:
    """The limit counts over the whole life of the process, so that each job moves it on."""
    if resource is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds, hard))


def _answer(out: BinaryIO, head: Job, body: bytes = b"") -> None:
    out.write(json.dumps({**head, "length": len(body)}).encode() + b"\n" + body)
    out.flush()


def _serve(source: BinaryIO, out: BinaryIO) -> None:
    def ask(data: bytes) -> bytes:
        _answer(out, {"sign": True}, data)
        return source.read(int(json.loads(source.readline())["length"]))

    while line := source.readline():
        job: Job = json.loads(line)
        data = source.read(int(job["length"]))
        limit_processor(int(job["cpu_s"]))
        try:
            head, body = _JOBS[job["op"]](data, job, ask)
        except HostileContentError as error:
            _answer(out, {"error": "hostile", "message": error.message, "hint": error.hint})
        except credentials.CredentialsError as error:
            _answer(out, {"error": "credentials", "message": str(error), "hint": None})
        except MemoryError:
            _answer(
                out, {"error": "memory", "message": "The picture needs more memory than it may have.", "hint": None}
            )
        except DAMAGED as error:
            _answer(out, {"error": "encode", "message": f"The picture could not be written: {error}.", "hint": None})
        else:
            _answer(out, {"value": head}, body)


def main() -> None:
    """Serves jobs until the input ends. The first argument is the memory limit in MiB."""
    warnings.simplefilter("ignore")
    Image.init()
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    limit_memory(int(sys.argv[1]))
    _serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
