"""The text that stands in a picture, as Tesseract reads it where this machine has it: a process of its own that gets one
re-encoded picture, has limits of time and memory and no environment worth stealing, and ends with its job."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Final

try:
    import resource
except ImportError:  # Windows has no such limits; the time limit still holds
    resource = None  # type: ignore[assignment]

COMMAND: Final = "tesseract"
MOST_TEXT: Final = 64 << 10
"""Bytes that are read of what it says."""
_MEMORY_MIB, _MOST_LANGUAGES = 1024, 4
_NO_LANGUAGE = frozenset({"osd", "equ"})  # data files that are no languages (tesseract(1), LANGUAGES AND SCRIPTS)


class OcrError(Exception):
    """The text could not be read; the message says why, in words for a person."""


class Ocr:
    """Reads one picture after the other. `command` is a program's name or path; `timeout_s` seconds is what one may take."""

    def __init__(self, command: str = COMMAND, *, timeout_s: float = 20.0) -> None:
        self._command, self._timeout_s = command, timeout_s
        self._one = asyncio.Lock()
        self._languages: dict[str, str] = {}

    def path(self) -> str | None:
        """Where the program is; None where this machine has none."""
        return shutil.which(self._command)

    async def read(self, png: bytes) -> str:
        """What stands in a picture, line by line. `png` has to be of our own encoder. Raises OcrError."""
        path = self.path()
        if path is None:
            raise OcrError("There is no OCR on this machine.")
        async with self._one:
            languages = self._languages.get(path)
            if languages is None:
                languages = self._languages[path] = _chosen(await self._run(path, "--list-langs"))
            # Sparse text: a headline is no page of lines (tesseract(1), --psm 11).
            return await self._run(path, "stdin", "stdout", "--psm", "11", "-l", languages, data=png)

    async def _run(self, path: str, *arguments: str, data: bytes = b"") -> str:
        environment = (
            None if sys.platform == "win32" else {"PATH": "/usr/local/bin:/usr/bin:/bin", "OMP_THREAD_LIMIT": "1"}
        )
        try:
            process = await asyncio.create_subprocess_exec(
                path,
                *arguments,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env=environment,
                start_new_session=sys.platform != "win32",
            )
        except OSError as error:
            raise OcrError(f"The OCR on this machine does not start: {error.strerror}.") from None
        _limit(process)
        try:
            async with asyncio.timeout(self._timeout_s):
                text = await _talk(process, data)
                code = await process.wait()
        except TimeoutError:
            raise OcrError(f"The OCR took longer than {self._timeout_s:g} seconds.") from None
        finally:
            await _end(process)
        if code != 0:
            raise OcrError("The OCR on this machine failed.")
        return text.decode("utf-8", "replace")


async def _talk(process: Process, data: bytes) -> bytes:
    """Hands over the input while it takes the output, up to its end or the cap."""
    if process.stdin is None or process.stdout is None:
        return b""
    hand = asyncio.create_task(_hand(process.stdin, data))
    try:
        text = b""
        while part := await process.stdout.read(MOST_TEXT):
            text += part
            if len(text) > MOST_TEXT:
                raise OcrError("The OCR says more than a picture can hold.")
        return text
    finally:
        hand.cancel()
        await asyncio.gather(hand, return_exceptions=True)


async def _hand(stdin: asyncio.StreamWriter, data: bytes) -> None:
    try:
        with contextlib.suppress(ConnectionError):  # it may end before it has read all; then its exit code tells
            stdin.write(data)
            await stdin.drain()
    finally:
        stdin.close()


async def _end(process: Process) -> None:
    """Whatever it is at, and with whatever it started; what it still had to say or to hear is thrown away, so that its pipes
    are closed."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    while process.stdout is not None and await process.stdout.read(MOST_TEXT):
        pass
    if process.stdin is not None:
        process.stdin.close()
        with contextlib.suppress(OSError):
            await process.stdin.wait_closed()
    await process.wait()


def _limit(process: Process) -> None:
    if sys.platform == "linux" and resource is not None:
        size = _MEMORY_MIB << 20
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(process.pid, resource.RLIMIT_AS, (size, size))
            resource.prlimit(process.pid, resource.RLIMIT_CORE, (0, 0))
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))


def _chosen(listed: str) -> str:
    """The languages to read in: English first where it is there, then a few of the others."""
    names = sorted({line.strip() for line in listed.splitlines()[1:] if line.strip()} - _NO_LANGUAGE)
    ordered = sorted(names, key=lambda name: name != "eng")[:_MOST_LANGUAGES]
    if not ordered:
        raise OcrError("The OCR on this machine has no language installed.")
    return "+".join(ordered)
