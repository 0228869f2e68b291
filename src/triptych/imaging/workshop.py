"""A few guarded processes that decode, shrink and re-encode pictures, so that a hostile one harms only its own job."""

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import triptych
from triptych.imaging.apart import Difference, Gap
from triptych.imaging.header import PictureInfo, header
from triptych.imaging.mask import MaskReading
from triptych.imaging.outpaint import Frame
from triptych.imaging.restoring import RestoredBytes
from triptych.spec.errors import HostileContentError
from triptych.spec.gallery import Print

EncodedType = Literal["image/png", "image/jpeg", "image/webp"]

Sign = Callable[[bytes], bytes]
_MEMORY_MIB = 2048
_MAX_SIGNED = 64 << 10  # bytes that a manifest's claim and certificates may have
_RECYCLE_AFTER = 500  # jobs; a fresh process gives back what the allocator keeps
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}  # each would reserve memory that counts against the limit
_CODE_ROOT = str(Path(triptych.__file__).parent.parent)


class _Worker:
    """One process and the two pipes to it."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.jobs = 0

    @classmethod
    async def start(cls, memory_mib: int) -> "_Worker":
        # The child gets no environment but where the code lies: a decoder that is taken over finds no key in it.
        environment = None if sys.platform == "win32" else {"PYTHONPATH": _CODE_ROOT, **_ONE_THREAD}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "triptych.imaging.worker", str(memory_mib),
            stdin=PIPE, stdout=PIPE, env=environment, limit=1 << 20,
        )  # fmt: skip
        return cls(process)

    async def ask(self, head: dict[str, Any], data: bytes, sign: Sign | None = None) -> tuple[dict[str, Any], bytes]:
        """Sends one job and reads its answer; with `sign` the process may ask for one signature meanwhile. Raises
        EOFError or OSError when the process is gone, ValueError when it speaks out of turn."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise EOFError
        self.jobs += 1
        stdin.write(json.dumps({**head, "length": len(data)}).encode() + b"\n")
        stdin.write(data)
        await stdin.drain()
        answer, body = await _read(stdout)
        if "sign" in answer:
            if sign is None or len(body) > _MAX_SIGNED:
                raise ValueError("a signature was asked for that it may not have")
            signature = sign(body)
            stdin.write(json.dumps({"length": len(signature)}).encode() + b"\n" + signature)
            await stdin.drain()
            answer, body = await _read(stdout)
        if "sign" in answer:
            raise ValueError("a second signature was asked for")
        return answer, body

    async def end(self, *, kill: bool) -> None:
        """Closes the pipes and waits for the process; a killed one does not finish its job."""
        if kill and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        if self.process.stdin is not None:
            self.process.stdin.close()
            with contextlib.suppress(OSError):
                await self.process.stdin.wait_closed()
        await self.process.wait()


async def _read(stdout: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    line = await stdout.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    answer: dict[str, Any] = json.loads(line)
    return answer, await stdout.readexactly(int(answer["length"]))


class Workshop:
    """Decodes pictures outside this process. Workers start when first needed; call `close()` at the end.

    `processes` run side by side; a job that takes longer than `timeout_s` seconds is killed with its process, which
    is then replaced. Every method raises HostileContentError for a picture that cannot or must not be opened.
    """

    def __init__(self, *, processes: int = 2, timeout_s: float = 30.0, memory_mib: int = _MEMORY_MIB) -> None:
        self._timeout_s = timeout_s
        self._memory_mib = memory_mib
        self._free = asyncio.Semaphore(processes)
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._closed = False

    async def inspect(self, data: bytes) -> PictureInfo:
        """Decodes the whole picture and says what it really is."""
        value, _ = await self._run({"op": "inspect"}, data)
        return PictureInfo(**value)

    async def thumbnail(self, data: bytes, side: int = 256) -> bytes:
        """A WebP whose long side is at most `side` pixels; smaller pictures keep their size."""
        return (await self._run({"op": "thumbnail", "side": side}, data))[1]

    async def convert(self, data: bytes, media_type: EncodedType, quality: int | None = None) -> bytes:
        """The picture in another format, free of metadata. Transparency is laid on white for JPEG."""
        return (await self._run({"op": "convert", "media_type": media_type, "quality": quality}, data))[1]

    async def display(self, data: bytes) -> tuple[bytes, str]:
        """A copy for a browser: first frame, pixels only, at most 4096 pixels long; with its media type."""
        value, body = await self._run({"op": "display"}, data)
        return body, str(value["media_type"])

    async def told(self, data: bytes) -> Mapping[str, Any]:
        """What the file says of how it was made elsewhere, see `triptych.imaging.provenance`. Decodes the whole picture."""
        return (await self._run({"op": "told"}, data))[0]

    async def look(self, data: bytes) -> Print:
        """What the picture looks like, see `triptych.imaging.prints`."""
        value = (await self._run({"op": "print"}, data))[0]
        return Print(shape=value["shape"], tone=value["tone"], colours=tuple(value["colours"]))

    async def sample(self, data: bytes) -> tuple[str, str]:
        """The difference hash of a picture and its look, see `triptych.imaging.looks`."""
        value = (await self._run({"op": "sample"}, data))[0]
        return str(value["shape"]), str(value["look"])

    async def read_credentials(self, data: bytes, anchors: str | None = None) -> dict[str, Any]:
        """What the content credentials of a picture say; see `triptych.imaging.credentials.read`. Raises
        HostileContentError also when there are none that can be read, and when the package is not there."""
        return (await self._run({"op": "read_credentials", "anchors": anchors}, data))[0]

    async def embed_credentials(
        self, data: bytes, manifest: Mapping[str, Any], *, chain: str, sign: Sign, parent: bytes = b""
    ) -> bytes:
        """The picture with content credentials; see `triptych.imaging.credentials.embed`. The key stays here: the
        process gets one signature, made by `sign`. Raises HostileContentError when they cannot be made."""
        if parent:
            header(parent)
        head = {"op": "embed_credentials", "manifest": manifest, "chain": chain, "size": len(data)}
        return (await self._run(head, data + parent, sign))[1]

    async def restore(self, answer: bytes, source: bytes, mask: bytes) -> RestoredBytes:
        """The answer to an edit with what is outside of the mask taken from the source again, see
        `triptych.imaging.restore`. Transparent pixels of the mask are the ones to change."""
        header(source), header(mask)
        head = {"op": "restore", "sizes": [len(answer), len(answer) + len(source)]}
        value, body = await self._run(head, answer + source + mask)
        size = int(value["size"])
        return RestoredBytes(
            image=body[:size] or None, heat=body[size:] or None, shift=(value["shift"][0], value["shift"][1]),
            scale=value["scale"], changed_permille=value["changed"],
        )  # fmt: skip

    async def read_mask(self, data: bytes) -> tuple[MaskReading, bytes]:
        """How a mask was read, and it as a PNG whose transparent pixels are to be changed; see `triptych.imaging.mask`."""
        value, body = await self._run({"op": "mask"}, data)
        return MaskReading(**value), body

    async def extend(self, data: bytes, frame: Frame) -> tuple[bytes, bytes]:
        """The picture in a larger frame, and the mask of what is new there; see `triptych.imaging.outpaint`."""
        value, body = await self._run({"op": "extend", "frame": asdict(frame)}, data)
        return body[: int(value["size"])], body[int(value["size"]) :]

    async def reframe(
        self,
        data: bytes,
        box: tuple[int, int, int, int] | None,
        size: tuple[int, int],
        media_type: EncodedType,
        *,
        quality: int | None = None,
        recipe: str = "",
    ) -> bytes:
        """A part of the picture at another size; see `triptych.imaging.reframe`."""
        head = {
            "op": "reframe",
            "box": box,
            "size": size,
            "media_type": media_type,
            "quality": quality,
            "recipe": recipe,
        }
        return (await self._run(head, data))[1]

    async def apart(self, reference: bytes, suspect: bytes) -> Gap:
        """How far apart two pictures are, see `triptych.imaging.apart`."""
        header(suspect)
        value = (await self._run({"op": "apart", "size": len(reference)}, reference + suspect))[0]
        found = value["found"]
        return Gap((value["reference"][0], value["reference"][1]), (value["suspect"][0], value["suspect"][1]),
                   None if found is None else Difference(**found))  # fmt: skip

    async def close(self) -> None:
        """Ends all workers. Jobs under way fail; further jobs are refused."""
        self._closed = True
        idle, self._idle = self._idle, []
        busy = list(self._busy)
        await asyncio.gather(*(w.end(kill=False) for w in idle), *(w.end(kill=True) for w in busy))

    async def _run(self, head: dict[str, Any], data: bytes, sign: Sign | None = None) -> tuple[dict[str, Any], bytes]:
        header(data)  # the caps are held before any bytes are passed on
        async with self._free:
            if self._closed:
                raise RuntimeError("the workshop is closed")
            answer, body = await self._ask_one({**head, "cpu_s": int(self._timeout_s) + 1}, data, sign)
        if "error" in answer:
            raise HostileContentError(answer["message"], hint=answer["hint"], detail=answer["error"])
        return answer["value"], body

    async def _ask_one(self, head: dict[str, Any], data: bytes, sign: Sign | None) -> tuple[dict[str, Any], bytes]:
        worker = await self._worker()
        self._busy.add(worker)
        healthy = False
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await worker.ask(head, data, sign)
            healthy = worker.jobs < _RECYCLE_AFTER and not self._closed
        except TimeoutError as error:
            raise HostileContentError(
                f"The picture was given up: decoding it took longer than {self._timeout_s:g} s."
            ) from error
        except (EOFError, OSError, ValueError) as error:
            raise HostileContentError("The picture made the decoder stop, so it was given up.") from error
        else:
            return answer
        finally:
            self._busy.discard(worker)
            if healthy:
                self._idle.append(worker)
            else:
                await worker.end(kill=True)

    async def _worker(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.process.returncode is None:
                return worker
            await worker.end(kill=True)
        return await _Worker.start(self._memory_mib)
