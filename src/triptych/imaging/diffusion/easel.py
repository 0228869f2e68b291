"""Where open models draw: one process, which keeps the model of its last job, can be stopped after any step, and can die alone."""

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import triptych
from triptych.imaging.diffusion.job import Begun, DrawDiedError, DrawError, Drawing, DrawJob, Hear, Loading, News, Step
from triptych.imaging.diffusion.memory import Machine

IDLE_S = 300.0  # after which a model that nobody draws with gives back its memory
STOP_S = 120.0  # for a step: after that the process is ended
_GONE = (EOFError, OSError, ValueError, LookupError, TypeError)
"""What comes of a process that is gone, or that speaks out of turn."""
_CODE_ROOT = str(Path(triptych.__file__).parent.parent)
# Nothing is ever fetched while it draws, and nobody is told of it.
_ALONE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}


class Easel:
    """One process at most, and one job at a time; the others wait their turn. `environment` is what the drivers of the graphics
    card want to know of this machine."""

    def __init__(
        self, environment: Mapping[str, str] | None = None, *, idle_s: float = IDLE_S, stop_s: float = STOP_S,
        command: tuple[str, ...] = (sys.executable, "-m", "triptych.imaging.diffusion.worker"),
    ) -> None:  # fmt: skip
        self._environment = dict(environment or {})
        self._command, self._idle_s, self._stop_s = command, idle_s, stop_s
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._resting: asyncio.Task[None] | None = None
        self._winding: set[asyncio.Task[None]] = set()
        self._coming: asyncio.Future[tuple[dict[str, Any], bytes]] | None = None

    async def draw(self, job: DrawJob, data: bytes, *, seconds: float, hear: Hear) -> Drawing:
        """The pictures of a job. Raises DrawError; DrawDiedError when the process ended or the `seconds` are over. Cancelled, it returns
        at once and the process stops after the step that it is in; the next job waits for that."""
        try:
            async with asyncio.timeout(seconds):
                await self._turn.acquire()
                return await self._in_turn(job, data, hear)
        except TimeoutError:
            raise DrawDiedError(f"It was not done within {seconds:.0f} s.",
                                "Ask for a smaller picture or fewer steps, or allow more time.") from None  # fmt: skip

    async def look(self) -> Machine:
        """What this machine has to draw with, as the process sees it. Raises DrawDiedError when it ends instead."""
        async with self._turn:
            try:
                process = await self._there()
                await _send(process, {"op": "look"}, b"")
                head, _ = await self._next(process)
                return Machine(**head["machine"])
            except _GONE as error:
                how = await self._end()
                raise DrawDiedError(
                    f"The process that draws ended at once ({how}).", "Install the extra anew."
                ) from error

    async def aclose(self) -> None:
        """Ends the process."""
        if self._resting is not None:
            self._resting.cancel()
        await self._end()
        await asyncio.gather(*self._winding)

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    # Inside.

    async def _in_turn(self, job: DrawJob, data: bytes, hear: Hear) -> Drawing:
        """Gives the turn back, or hands it to whoever waits for the process to stop."""
        if self._resting is not None:
            self._resting.cancel()
        heard_out = False
        try:
            process = await self._there()
            answer, body = await self._exchange(process, job, data, hear)
            heard_out = True
        except asyncio.CancelledError:
            heard_out = True
            winding = asyncio.create_task(self._wind_up())
            self._winding.add(winding)
            winding.add_done_callback(self._winding.discard)
            raise
        except _GONE as error:
            how = await self._end()
            raise DrawDiedError(f"The process that draws ended before its work was done ({how}).",
                                "It may have run out of memory: ask for a smaller picture, or choose a smaller model.") from error  # fmt: skip
        finally:
            if not heard_out:
                await self._end()
                self._turn.release()
        self._rest()
        if "error" in answer:
            raise DrawError(answer["error"], answer["hint"])
        return _drawing(answer, body)

    async def _there(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            environment = {**self._environment, **_ALONE, "PYTHONPATH": _CODE_ROOT}
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=1 << 20, env=None if sys.platform == "win32" else environment,
            )  # fmt: skip
        return self._process

    async def _exchange(self, process: Process, job: DrawJob, data: bytes, hear: Hear) -> tuple[dict[str, Any], bytes]:
        """Raises one of `_GONE`."""
        await _send(process, {"op": "draw", "job": asdict(job)}, data)
        while True:
            head, body = await self._next(process)
            news = _news(head, body)
            if news is None:
                return head, body
            await hear(news)

    async def _next(self, process: Process) -> tuple[dict[str, Any], bytes]:
        """What is told next. Who is cancelled meanwhile leaves it whole for the one that goes on listening."""
        if self._coming is None:
            self._coming = asyncio.ensure_future(_read(process))
        coming = self._coming
        try:
            return await asyncio.shield(coming)
        finally:
            if coming.done():
                self._coming = None

    async def _wind_up(self) -> None:
        """Asks the process to stop and waits until it has; ends one that does not. Then it is somebody else's turn."""
        try:
            async with asyncio.timeout(self._stop_s):
                await self._stopped()
        except (TimeoutError, *_GONE):
            await self._end()
            self._turn.release()
        else:
            self._rest()

    async def _stopped(self) -> None:
        """Raises as `_exchange` does."""
        process = self._process
        if process is None:
            raise EOFError
        await _send(process, {"op": "stop"}, b"")
        while _news(*await self._next(process)) is not None:
            pass

    def _rest(self) -> None:
        """The turn is free; a process that nobody needs for long gives back its memory."""
        self._turn.release()
        self._resting = asyncio.create_task(self._after_rest())

    async def _after_rest(self) -> None:
        await asyncio.sleep(self._idle_s)
        async with self._turn:
            self._resting = None
            await self._end()

    async def _end(self) -> str:
        """Ends the process, and says how it ended."""
        process, self._process = self._process, None
        if process is None:
            return "it was not there"
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if process.stdin is not None:
            process.stdin.close()
            with contextlib.suppress(OSError):
                await process.stdin.wait_closed()
        code = await process.wait()
        if self._coming is not None:  # the end of its output; who listens hears of it as well
            await asyncio.gather(self._coming, return_exceptions=True)
            self._coming = None
        return f"by signal {-code}" if code < 0 else f"with code {code}"


async def _send(process: Process, head: Mapping[str, Any], data: bytes) -> None:
    if process.stdin is None:
        raise EOFError
    process.stdin.write(json.dumps({**head, "length": len(data)}).encode() + b"\n" + data)
    await process.stdin.drain()


async def _read(process: Process) -> tuple[dict[str, Any], bytes]:
    if process.stdout is None:
        raise EOFError
    line = await process.stdout.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    head: dict[str, Any] = json.loads(line)
    return head, await process.stdout.readexactly(int(head["length"]))


def _news(head: Mapping[str, Any], body: bytes) -> News | None:
    """What was told on the way; None for the last word."""
    if "step" in head:
        return Step(float(head["step"]), body or None)
    if "begun" in head:
        return Begun(head["begun"])
    return Loading() if "loading" in head else None


def _drawing(head: Mapping[str, Any], body: bytes) -> Drawing:
    pictures: list[bytes | None] = []
    place = 0
    for size in head["done"]:
        pictures.append(None if size is None else body[place : place + size])
        place += size or 0
    return Drawing(pictures=tuple(pictures), unread=int(head["unread"]), shown=int(head.get("shown", 0)))
