"""How a command speaks that runs by itself: plain lines on standard error, and no more loaded for it than that takes."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType

from triptych.cli.exits import Exit, exit_of
from triptych.spec.errors import TriptychError

_SAID = ("error: ", "hint: ", "the provider says: ")


def say(text: str) -> None:
    """A line for whoever started the command."""
    print(text, file=sys.stderr, flush=True)


def fail(error: TriptychError) -> Exit:
    """Says an error as people read it, and returns the exit code for it."""
    for head, text in zip(_SAID, (error.message, error.hint, error.upstream), strict=True):
        if text:
            say(head + text)
    return exit_of(error)


def log_plainly(level: str) -> None:
    """The program's own words go to standard error, with the keys that `cli.logs` gives them: readable on a terminal, JSON otherwise."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(pretty=sys.stderr.isatty()))
    ours = logging.getLogger("triptych")
    ours.handlers, ours.propagate = [handler], False
    ours.setLevel(level.upper())


class _Line(logging.Formatter):
    """One line of a record. Local variables are left out of tracebacks: they hold keys."""

    def __init__(self, *, pretty: bool) -> None:
        super().__init__()
        self._pretty = pretty

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        said: dict[str, object] = {**getattr(record, "about", {}), "event": record.getMessage()}
        fault = _fault(record.exc_info)
        if self._pretty:
            about = " ".join(f"{name}={value}" for name, value in said.items() if name != "event")
            return f"{when} [{record.levelname.lower()}] {said['event']} {about}".rstrip() + (
                f"\n{fault}" if fault else ""
            )
        more = {"exception": fault} if fault else {}
        return json.dumps({**said, "level": record.levelname.lower(), "timestamp": when, **more}, default=str)


def _fault(
    found: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None] | None,
) -> str:
    return "".join(traceback.format_exception(found[1])).rstrip() if found and found[1] is not None else ""
