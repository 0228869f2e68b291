"""Runs the command line, in this process or in one of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from unittest import mock

import pytest
import structlog
from tests.emulators import Emulators
from tests.integration.door import Door

from triptych.cli import main

ADDRESS = re.compile(r"http://\S+")


def clean_environment() -> dict[str, str]:
    """This process's environment without anybody's keys and settings."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TRIPTYCH_") and not name.endswith(("_KEY", "_TOKEN", "_COLOR"))
    }


def provider_environment(emulators: Emulators) -> dict[str, str]:
    """Two providers on loopback, with their keys."""
    return {
        "TRIPTYCH_OPENAI_BASE_URL": emulators.openai.base_url, "OPENAI_API_KEY": emulators.openai.key,
        "TRIPTYCH_GOOGLE_BASE_URL": emulators.google.base_url, "GEMINI_API_KEY": emulators.google.key,
    }  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


@dataclass
class Cli:
    """Runs commands in this process, on a data folder of the test's own."""

    data: Path
    patch: pytest.MonkeyPatch
    captured: pytest.CaptureFixture[str]
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str) -> Said:
        self.patch.setattr(sys, "argv", ["triptych", *arguments])
        self.captured.readouterr()
        code: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        said = self.captured.readouterr()
        return Said(int(code or 0), said.out, said.err)


@contextmanager
def cli_on(data: Path, patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    for name in set(os.environ) - set(clean_environment()):
        patch.delenv(name)
    patch.setenv("TRIPTYCH_DATA", str(data))
    patch.setenv("COLUMNS", "80")
    yield Cli(data, patch, captured)
    structlog.reset_defaults()


class Program:
    """`python -m triptych …` as a process of its own."""

    command: ClassVar[tuple[str, ...]] = (sys.executable, "-m", "triptych")

    def __init__(self, *arguments: str, environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [*self.command, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**clean_environment(), **environment},
        )  # fmt: skip

    def address(self) -> str:
        """Where it serves, once it says so."""
        assert self.process.stderr is not None
        seen = ""
        for line in self.process.stderr:
            seen += line
            if found := ADDRESS.search(line):
                return found[0]
        raise AssertionError(f"it never said where it is: {seen}")

    def end(self, number: signal.Signals | None = None) -> Said:
        """What it said until its end, after a signal if one is given."""
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=90)
        return Said(self.process.returncode, out, err)

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def by_door() -> Iterator[None]:
    """Programs of a module that has many share what it takes to load one."""
    with Door() as door, mock.patch.object(Program, "command", (str(door.program),)):
        yield
