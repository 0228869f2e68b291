"""Where tools are set to work: a process for each job, which can be stopped, runs out of its own memory, and can die."""

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import triptych
from triptych.imaging.header import header
from triptych.imaging.tools.job import ToolDiedError, ToolError, ToolJob
from triptych.spec.errors import HostileContentError

Hear = Callable[[float], Awaitable[None]]
_AT_ONCE = 2
_CODE_ROOT = str(Path(triptych.__file__).parent.parent)
# Each thread and each arena would reserve memory that counts against the limit.
_ENVIRONMENT = {"PYTHONPATH": _CODE_ROOT, "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


class ToolBench:
    """Runs tools. At most two at a time; the others wait their turn."""

    def __init__(self, command: tuple[str, ...] = (sys.executable, "-m", "triptych.imaging.tools.worker")) -> None:
        self._command = command
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def run(self, job: ToolJob, data: bytes, *, seconds: float, hear: Hear) -> bytes:
        """The result of a job with a picture, as a PNG file; `hear` is told how much is done, 0 to 1.

        Raises HostileContentError for a picture that cannot be opened, ToolError for everything else that goes wrong, the
        end of the `seconds` it may take included. Cancelled, it ends the process first.
        """
        header(data)
        return await self._timed(job, data, seconds, hear)

    async def embed(self, job: ToolJob, pictures: Sequence[bytes], *, seconds: float) -> tuple[bytes, ...]:
        """A vector for each picture, empty for a file that cannot be opened. Raises ToolDiedError when the process ends or the
        time is over, ToolError when the network cannot be used."""
        told = replace(job, kind="embed", lengths=tuple(map(len, pictures)))
        found = await self._timed(told, b"".join(pictures), seconds, _not_heard)
        return tuple(b64decode(line) for line in found.split(b"\n"))

    async def _timed(self, job: ToolJob, data: bytes, seconds: float, hear: Hear) -> bytes:
        try:
            async with asyncio.timeout(seconds), self._free:
                return await self._run(job, data, seconds, hear)
        except TimeoutError:
            raise ToolDiedError(f"It was not done within {seconds:.0f} s.",
                                "Use a smaller picture, or a quicker model.") from None  # fmt: skip

    async def _run(self, job: ToolJob, data: bytes, seconds: float, hear: Hear) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, limit=1 << 20,
            env=None if sys.platform == "win32" else _ENVIRONMENT,
        )  # fmt: skip
        try:
            cpu_s = int(seconds + 1) * (os.cpu_count() or 1)
            head = json.dumps({"job": asdict(job), "cpu_s": cpu_s, "length": len(data)}).encode()
            answer, body = await _exchange(process, head + b"\n" + data, hear)
        except (EOFError, OSError, ValueError):
            code = await process.wait()
            how = f"by signal {-code}" if code < 0 else f"with code {code}"
            raise ToolDiedError(f"Its process ended before its work was done ({how}).",
                                "Use a smaller picture: it may have run out of memory.") from None  # fmt: skip
        finally:
            await asyncio.shield(_end(process))
        if answer.get("error") == "picture":
            raise HostileContentError(answer["message"], hint=answer["hint"])
        if "error" in answer:
            raise ToolError(answer["message"], answer["hint"])
        return body


async def _not_heard(_: float) -> None:
    """Many small pictures tell no progress."""


async def _exchange(process: Process, given: bytes, hear: Hear) -> tuple[dict[str, Any], bytes]:
    """Raises EOFError, OSError or ValueError when the process is gone or speaks out of turn."""
    if process.stdin is None or process.stdout is None:
        raise EOFError
    process.stdin.write(given)
    await process.stdin.drain()
    while True:
        line = await process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        answer: dict[str, Any] = json.loads(line)
        if "progress" not in answer:
            return answer, await process.stdout.readexactly(int(answer["length"]))
        await hear(float(answer["progress"]))


async def _end(process: Process) -> None:
    """No process of a job outlives it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if process.stdin is not None:
        process.stdin.close()
        with contextlib.suppress(OSError):
            await process.stdin.wait_closed()
    await process.wait()
