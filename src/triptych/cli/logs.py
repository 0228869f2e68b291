"""Where the program's own words go."""

import logging
import sys

import structlog
from structlog.dev import ConsoleRenderer, RichTracebackFormatter
from structlog.processors import ExceptionRenderer, JSONRenderer
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor


class _Heard(logging.Handler):
    """What is said by the standard library's loggers, as a hub's modules do: a hub loads nothing else for it."""

    def emit(self, record: logging.LogRecord) -> None:
        said = structlog.get_logger(record.name)
        said.log(record.levelno, record.getMessage(), exc_info=record.exc_info, **getattr(record, "about", {}))


def configure_logging(level: str) -> None:
    """Logs go to standard error: readable on a terminal, JSON otherwise. `extra={"about": …}` of a record of the standard
    library's becomes its keys."""
    ours = logging.getLogger("triptych")
    ours.handlers, ours.propagate = [_Heard()], False
    ours.setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *renderers(pretty=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # standard error as it is when something is said
    )


def renderers(*, pretty: bool) -> list[Processor]:
    """What makes a line of an event. Local variables are left out of tracebacks: they hold prompts and keys."""
    if pretty:
        return [ConsoleRenderer(exception_formatter=RichTracebackFormatter(show_locals=False))]
    return [ExceptionRenderer(ExceptionDictTransformer(show_locals=False)), JSONRenderer()]
